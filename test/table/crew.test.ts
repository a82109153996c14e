import assert from "node:assert/strict";
import { test } from "node:test";
import { ownerOf, shareOf } from "../../src/crew.ts";
import { packed, unpacked } from "../../src/proxy/relay.ts";

const names = Array.from({ length: 6_000 }, (_, number) => `key-${number.toString(16)}`);

test("owners share names about equally, by the name alone", () => {
  const sockets = ["a", "b", "c"];
  const owned = [0, 0, 0];
  for (const name of names) {
    const owner = ownerOf(name, sockets) as number;
    assert.equal(ownerOf(name, ["x", "y", "z"]), owner);
    owned[owner]!++;
  }
  for (const count of owned) assert.ok(count > 1_850 && count < 2_150, String(owned));
});

test("when an owner goes only its own names change hands, and they are spread over the others", () => {
  const moved = new Map<number | undefined, number>();
  for (const name of names) {
    const before = ownerOf(name, ["a", "b", "c", "d"]);
    const after = ownerOf(name, ["a", undefined, "c", "d"]);
    if (before !== 1) assert.equal(after, before);
    else moved.set(after, (moved.get(after) ?? 0) + 1);
  }
  assert.deepEqual([...moved.keys()].sort(), [0, 2, 3]);
  for (const count of moved.values()) assert.ok(count > 400, String([...moved]));
});

test("nobody owns anything where nobody is there", () => {
  assert.equal(ownerOf("k", [undefined, undefined]), undefined);
  assert.equal(ownerOf("k", []), undefined);
});

test("shares of a bound add up to it, and nobody gets nothing", () => {
  const shares = (total: number, size: number) =>
    Array.from({ length: size }, (_, index) => shareOf(total, { index, size }));
  assert.deepEqual(shares(10, 3), [4, 3, 3]);
  assert.deepEqual(shares(2, 3), [1, 1, 1]);
  assert.deepEqual(shares(Number.POSITIVE_INFINITY, 2), [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  assert.equal(shareOf(10, undefined), 10);
});

test("a request that is handed on is the same request, with the client's address and its time", async () => {
  const body = new Uint8Array([0, 255, 10, 13, 128]);
  const headers = [
    ["content-type", "application/json; charset=utf-8"],
    ["x-name", "a, b"],
    ["x-latin", "caf\u00e9"],
  ] as const;
  const head = { method: "POST", url: "http://h.example:8181/@a%20b/openai/v1/x?q=%C3%A9", headers };
  const client = { client: { address: "2001:db8::1", secure: true }, at: 1_700_000_000_000, waitedMs: 2.5 };
  const gone = new AbortController();
  const bytes = packed({ ...head, ...client }, body);
  const { request, peer } = unpacked(bytes, { signal: gone.signal, worker: { address: "-" } });
  assert.deepEqual([request.method, request.url], [head.method, head.url]);
  assert.deepEqual([...request.headers], [...headers].sort());
  assert.deepEqual(new Uint8Array(await request.arrayBuffer()), body);
  assert.deepEqual(peer.body, body);
  assert.deepEqual(
    [peer.address, peer.secure, peer.relayed],
    [client.client.address, true, { at: client.at, waitedMs: client.waitedMs }],
  );
  assert.equal(request.signal.aborted, false);
  gone.abort();
  assert.equal(request.signal.aborted, true);
});
