import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../../src/cache/entry.ts";
import { memoryBody } from "../../src/cache/entry.ts";
import { writtenHead } from "../../src/proxy/hit-head.ts";
import { KnownBodies } from "../../src/proxy/known-bodies.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const gist = (digest: string) => ({ digest, model: "m", accountBound: false });

test("a context's number never comes to stand for another, however many there are", () => {
  const bodies = new KnownBodies({ maxBytes: 1024 * 1024 });
  const first = bodies.contextOf("first");
  bodies.add(first, bytes("body"), gist("json:first"));
  const others = new Set<number>();
  for (let i = 0; i < 200_000; i++) others.add(bodies.contextOf(`other ${i}`));
  assert.equal(others.has(first), false);
  assert.equal(others.size, 200_000);
});

test("of two contexts whose numbers share a slot neither gets the other's body", () => {
  const bodies = new KnownBodies({ maxBytes: 1024 * 1024 });
  bodies.add(3, bytes("body"), gist("json:first"));
  for (let power = 10; power < 53; power++)
    assert.equal(bodies.find(3 + 2 ** power, bytes("body")), undefined);
  assert.equal(bodies.find(3, bytes("body"))?.gist.digest, "json:first");
});

test("texts of contexts are remembered within bounds of their bytes", () => {
  const bodies = new KnownBodies({ maxBytes: 1024 * 1024 });
  const long = "x".repeat(200_000);
  const first = bodies.contextOf(`first ${long}`);
  for (let i = 0; i < 100; i++) bodies.contextOf(`${i} ${long}`);
  assert.notEqual(bodies.contextOf(`first ${long}`), first);
});

test("of a question no more is held than its gist: neither its decoded body nor its document", () => {
  const bodies = new KnownBodies({ maxBytes: 1024 * 1024 });
  const question = { ...gist("json:1"), plain: new Uint8Array(1024), canonical: new Uint8Array(1024) };
  bodies.add(0, bytes("body"), question);
  assert.deepEqual(bodies.find(0, bytes("body"))?.gist, gist("json:1"));
});

test("a body of the same length and CRC-32 as another gets none of its answers", () => {
  const bodies = new KnownBodies({ maxBytes: 1024 * 1024 });
  // The eight letters of each have one CRC-32.
  const [one, other] = ["plumless", "buckeroo"] as const;
  bodies.add(0, bytes(one), gist("json:one"));
  assert.equal(bodies.find(0, bytes(other)), undefined);
  bodies.add(0, bytes(other), gist("json:other"));
  assert.equal(bodies.find(0, bytes(other))?.gist.digest, "json:other");
  assert.equal(bodies.find(0, bytes(one)), undefined);
});

test("a body that was met is remembered from the second time on, as a copy, and stands for itself each time", () => {
  const bodies = new KnownBodies({ maxBytes: 1024 * 1024 });
  const came = bytes("body");
  for (const again of [false, true]) {
    const met = bodies.met(0, came, {
      gist: { ...gist("json:1"), plain: came } as ReturnType<typeof gist>,
      again: bodies.cameLately(came),
    });
    assert.deepEqual([met.context, met.bytes, met.gist], [0, came, gist("json:1")]);
    assert.equal(bodies.find(0, came) !== undefined, again);
  }
  came.fill(0);
  assert.equal(bodies.find(0, bytes("body"))?.gist.digest, "json:1");
  const small = new KnownBodies({ maxBytes: 16 });
  for (let time = 0; time < 3; time++)
    small.met(0, bytes("body"), { gist: gist("json:1"), again: small.cameLately(bytes("body")) });
  assert.equal(small.find(0, bytes("body")), undefined, "it would push out many others");
});

test("the answer that a body got is not held beside it: the store may have let it go", () => {
  const bodies = new KnownBodies({ maxBytes: 1024 * 1024 });
  const known = bodies.add(0, bytes("body"), gist("json:1"));
  const answer = bytes("answer");
  const entry = { key: "k", status: 200, headers: [["content-type", "a/b"]], body: memoryBody(answer) };
  const text = writtenHead(known, entry as unknown as Entry);
  assert.match(text ?? "", /^HTTP\/1\.1 200 OK\r\nContent-Type: a\/b\r\n/);
  assert.equal(writtenHead(known, entry as unknown as Entry), text);
  assert.equal(reachable(known).has(entry), false);
  assert.equal(reachable(known).has(answer), false);
});

test("a head is written anew for another entry, whatever of it is the same", () => {
  const holder = { head: undefined };
  const headers = [["content-type", "a/b"]];
  const entry = { key: "one", status: 200, headers, body: memoryBody(bytes("x")) };
  const write = (change: object) => writtenHead(holder, { ...entry, ...change } as unknown as Entry);
  assert.match(write({}) ?? "", /200 OK.*a\/b.*X-Cache-Key: one/s);
  assert.match(write({ key: "other" }) ?? "", /200 OK.*a\/b.*X-Cache-Key: other/s);
  assert.match(write({ status: 404 }) ?? "", /404 Not Found.*a\/b.*X-Cache-Key: one/s);
  assert.match(write({ headers: [["content-type", "c/d"]] }) ?? "", /200 OK.*c\/d.*X-Cache-Key: one/s);
});

function reachable(from: object, found = new Set<unknown>()): Set<unknown> {
  for (const value of Object.values(from)) {
    if (typeof value !== "object" || value === null || found.has(value)) continue;
    found.add(value);
    if (!ArrayBuffer.isView(value)) reachable(value, found);
  }
  return found;
}
