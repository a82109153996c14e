import assert from "node:assert/strict";
import { test } from "node:test";
import { Output } from "../../src/output.node.ts";

/** A stream whose reader takes a write only when the test says so. */
function scriptedSink() {
  const writes: string[] = [];
  let taken: (() => void) | undefined;
  let fail = () => {};
  let wrote = () => {};
  return {
    writes,
    write(text: string | Uint8Array, written: (error?: Error | null) => void) {
      writes.push(String(text));
      taken = () => written();
      wrote();
      return false;
    },
    on(_event: "error", handler: () => void) {
      fail = handler;
    },
    take: () => taken?.(),
    fail: () => {
      fail();
      taken?.();
    },
    next: () =>
      new Promise<void>((resolve) => {
        wrote = resolve;
      }),
  };
}

test("lines of one turn go out in one write, in order, and later ones wait for the reader", async () => {
  const sink = scriptedSink();
  const output = new Output(sink, () => assert.fail("nothing was dropped"));
  output.write("a\n");
  output.write("b\n");
  await sink.next();
  assert.deepEqual(sink.writes, ["a\nb\n"]);
  output.write("c\n");
  output.write("d\n");
  const second = sink.next();
  sink.take();
  await second;
  assert.deepEqual(sink.writes, ["a\nb\n", "c\nd\n"]);
  const flushed = output.flush();
  sink.take();
  await flushed;
});

test("a reader that stands still costs at most 8 MiB, and the lines it missed are counted", async () => {
  const sink = scriptedSink();
  const missed: number[] = [];
  const output = new Output(sink, (lines) => missed.push(lines));
  const line = `${"x".repeat(2 ** 20 - 1)}\n`;
  output.write("first\n");
  await sink.next();
  for (let count = 0; count < 20; count++) output.write(line);
  const second = sink.next();
  sink.take();
  await second;
  assert.equal(sink.writes[1], line.repeat(8));
  const flushed = output.flush();
  sink.take();
  await flushed;
  assert.deepEqual(missed, [12]);
});

test("a closed stream ends the wait of flush and takes nothing more", async () => {
  const sink = scriptedSink();
  const output = new Output(sink, () => assert.fail("nothing was dropped"));
  output.write("a\n");
  await sink.next();
  output.write("b\n");
  const flushed = output.flush();
  sink.fail();
  await flushed;
  output.write("c\n");
  await output.flush();
  assert.deepEqual(sink.writes, ["a\n"]);
});
