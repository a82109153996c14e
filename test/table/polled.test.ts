/** What goes right through: a chunk that comes is with the client's socket before its writer's call returns. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Recording } from "../../src/cache/recording.ts";
import { Reply } from "../../src/direct-reply.ts";
import type { Source } from "../../src/host.ts";
import { counted, type Delivery } from "../../src/proxy/counted.ts";
import { latin1, testServer, turn } from "../support/http-wire.ts";

const MIB = 1024 * 1024;
const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: h\r\n\r\n`;
const streamed = (source: Source) => new Reply(source, { status: 200, headers: new Headers() });

/** A reader that takes what there is whenever it is called. */
function follower(recording: Recording) {
  const reader = recording.reader();
  const found = { bytes: [] as number[], ended: false, broken: false, calls: 0 };
  const goOn = (): void => {
    found.calls++;
    try {
      for (;;) {
        const seen = reader.poll(goOn);
        if (seen === null) return;
        if (seen === undefined) {
          found.ended = true;
          return;
        }
        found.bytes.push(...seen);
      }
    } catch {
      found.broken = true;
    }
  };
  goOn();
  return { found, leave: () => reader.leave() };
}

test("a reader that polls has what may be seen when the writer's call returns, whatever the order of things", () => {
  const step = fc.oneof(
    fc.record({
      does: fc.constant("append" as const),
      size: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(5000)),
    }),
    fc.record({ does: fc.constant("hide" as const), size: fc.integer({ min: 1, max: 50 }) }),
    fc.record({ does: fc.constantFrom("reveal" as const, "join" as const, "pipe" as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, fails) => {
      const recording = new Recording();
      const readers = [follower(recording)];
      const sent: number[] = [];
      let visible = 0;
      let next = 0;
      for (const one of steps) {
        if (one.does === "append" || one.does === "hide") {
          const chunk = Uint8Array.from({ length: one.size }, () => next++);
          const hidden = one.does === "hide" || visible < sent.length;
          sent.push(...chunk);
          recording.append(chunk, { atMs: 0, hide: one.does === "hide" });
          if (!hidden) visible = sent.length;
        } else if (one.does === "reveal") {
          recording.reveal();
          visible = sent.length;
        } else if (one.does === "pipe") {
          recording.becomePipe();
          visible = sent.length;
        } else if (recording.joinable) readers.push(follower(recording));
        for (const { found } of readers) assert.equal(found.bytes.length, visible);
      }
      if (fails) recording.fail(new Error("cut"));
      else recording.end();
      for (const { found } of readers) {
        assert.deepEqual(found.bytes, sent);
        assert.deepEqual([found.ended, found.broken], [!fails, fails]);
      }
      assert.equal(recording.readers, 0);
    }),
    { numRuns: 300 },
  );
});

test("one reader that leaves from within a writer's call takes nothing from the others", () => {
  const recording = new Recording();
  const reader = recording.reader();
  let calls = 0;
  assert.equal(
    reader.poll(() => {
      calls++;
      reader.leave();
    }),
    null,
  );
  const other = follower(recording);
  recording.append(latin1("ab"), { atMs: 0 });
  recording.append(latin1("c"), { atMs: 0 });
  assert.deepEqual([calls, recording.readers, other.found.bytes.length], [1, 1, 3]);
  assert.equal(reader.poll(assert.fail), undefined);
});

test("a laggard that polls is broken off like any other", () => {
  const recording = new Recording();
  const slow = recording.reader();
  let told = 0;
  recording.append(new Uint8Array(1), { atMs: 0 });
  assert.equal(slow.poll(assert.fail)?.byteLength, 1);
  assert.equal(
    slow.poll(() => told++),
    null,
  );
  const quick = recording.reader();
  let read = 0;
  const goOn = (): void => {
    for (let seen = quick.poll(goOn); seen; seen = quick.poll(goOn)) read += seen.byteLength;
  };
  goOn();
  recording.becomePipe();
  for (let i = 0; i < 9; i++) recording.append(new Uint8Array(MIB), { atMs: 0 });
  assert.equal(recording.dropLaggards(), 1);
  assert.equal(told, 1);
  assert.throws(() => slow.poll(assert.fail), /too slow/);
  assert.equal(read, 9 * MIB + 1);
});

test("chunk, end and next request go through in the calls that bring them, each chunk in one write", () => {
  const recording = new Recording();
  const ended: Delivery[] = [];
  const { wire, send } = testServer(() => {
    if (recording.state === "ended")
      return new Reply(latin1("next"), { status: 200, headers: new Headers() });
    return streamed(counted(recording.reader(), { now: () => 7, ended: (end) => ended.push(end) }));
  }).connect();
  send(ask("/1") + ask("/2"));
  assert.equal(wire.written.length, 1);
  recording.append(latin1("hello"), { atMs: 0 });
  recording.append(latin1(", you"), { atMs: 0 });
  assert.deepEqual(
    wire.written.slice(1).map((bytes) => String.fromCharCode(...bytes)),
    ["5\r\nhello\r\n", "5\r\n, you\r\n"],
  );
  recording.end();
  assert.match(wire.text, /\r\n0\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nnext$/);
  assert.deepEqual(ended, [{ bytes: 10, firstAt: 7, endedAt: 7, end: "whole" }]);
});

test("a stalled client gets what came meanwhile in few pieces, in order, once it takes bytes again", () => {
  const recording = new Recording();
  const { wire, send, connection } = testServer(() =>
    streamed(counted(recording.reader(), { now: () => 0, ended: () => {} })),
  ).connect();
  send(ask("/"));
  wire.written.length = 0;
  wire.room = 4;
  for (const letter of "abcdef") recording.append(latin1(letter.repeat(100)), { atMs: 0 });
  assert.equal(wire.text, "64\r\n");
  wire.room = 50;
  connection.drain();
  assert.equal(wire.text, `64\r\n${"a".repeat(50)}`);
  wire.room = Number.POSITIVE_INFINITY;
  connection.drain();
  const rest = [..."bcdef"].map((letter) => letter.repeat(100)).join("");
  assert.equal(wire.text, `64\r\n${"a".repeat(100)}\r\n1f4\r\n${rest}\r\n`);
});

test("a break that polling meets is a break for the client, and ends the reading", () => {
  for (const how of ["fail", "leave"] as const) {
    const recording = new Recording();
    let abandoned = 0;
    recording.onAbandoned = () => abandoned++;
    const ends: string[] = [];
    const { wire, send, connection } = testServer(() =>
      streamed(counted(recording.reader(), { now: () => 0, ended: ({ end }) => ends.push(end) })),
    ).connect();
    send(ask("/"));
    recording.append(latin1("abc"), { atMs: 0 });
    if (how === "fail") recording.fail(new Error("cut"));
    else connection.closed();
    recording.append(latin1("more"), { atMs: 0 });
    assert.deepEqual([ends, abandoned], [[how === "fail" ? "broken" : "left"], 1], how);
    assert.equal(wire.ending, how === "fail" ? "terminate" : "");
    assert.doesNotMatch(wire.text, /more|\r\n0\r\n/);
  }
});

test("bodies at hand leave the loop to others after some 4 MiB a turn, polled too", async () => {
  const recording = new Recording();
  for (let i = 0; i < 24; i++) recording.append(new Uint8Array(256 * 1024), { atMs: 0 });
  const source = counted(recording.reader(), { now: () => 0, ended: () => {} });
  let read = 0;
  const goOn = (): void => {
    for (let piece = source.poll?.(goOn); piece; piece = source.poll?.(goOn)) read += piece.byteLength;
  };
  goOn();
  assert.equal(read, 4 * MIB);
  await turn();
  assert.equal(read, 6 * MIB);
});
