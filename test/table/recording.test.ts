import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SLICE_BYTES } from "../../src/cache/entry.ts";
import { type Reader, Recording } from "../../src/cache/recording.ts";

async function all(reader: Reader): Promise<{ bytes: number[]; broken: boolean }> {
  const bytes: number[] = [];
  try {
    for (;;) {
      const chunk = await reader.read();
      if (chunk === undefined) return { bytes, broken: false };
      bytes.push(...chunk);
    }
  } catch {
    return { bytes, broken: true };
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

test("every reader gets all bytes of a recording that ends, whenever it came", async () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 9000 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(chunk, { maxLength: 12 }),
      fc.array(fc.nat(12), { maxLength: 5 }),
      async (chunks, comes) => {
        const recording = new Recording();
        const readers: Promise<{ bytes: number[]; broken: boolean }>[] = [];
        for (const [at, bytes] of chunks.entries()) {
          for (const come of comes) if (come === at) readers.push(all(recording.reader()));
          recording.append(bytes, { atMs: at });
          await Promise.resolve();
        }
        recording.end();
        readers.push(all(recording.reader()));
        const expected = chunks.flatMap((bytes) => [...bytes]);
        for (const reader of await Promise.all(readers)) {
          assert.equal(reader.broken, false);
          assert.deepEqual(reader.bytes, expected);
        }
        assert.equal(recording.size, expected.length);
        const body = recording.body();
        const stored: number[] = [];
        while (stored.length < body.size) {
          const slice = body.slice(stored.length);
          assert.ok(slice.byteLength > 0 && slice.byteLength <= SLICE_BYTES);
          stored.push(...slice);
        }
        assert.deepEqual(stored, expected);
      },
    ),
    { numRuns: 200 },
  );
});

test("a recording that fails gives its readers all it received, an end held back too, and then the error", async () => {
  const recording = new Recording();
  const early = all(recording.reader());
  recording.append(new Uint8Array([1, 2]), { atMs: 0 });
  recording.append(new Uint8Array([3]), { atMs: 1, hide: true });
  recording.fail(new Error("cut"));
  assert.deepEqual(await early, { bytes: [1, 2, 3], broken: true });
  assert.equal(recording.joinable, false);
});

test("hidden bytes, and all that follow them, show only once they are revealed", async () => {
  const recording = new Recording();
  const seen: number[] = [];
  const reader = recording.reader();
  const reading = (async () => {
    for (;;) {
      const chunk = await reader.read();
      if (chunk === undefined) return;
      seen.push(...chunk);
    }
  })();
  recording.append(new Uint8Array([1]), { atMs: 0 });
  recording.append(new Uint8Array([2]), { atMs: 1, hide: true });
  recording.append(new Uint8Array([3]), { atMs: 2 });
  await turn();
  assert.deepEqual(seen, [1]);
  recording.reveal();
  await turn();
  assert.deepEqual(seen, [1, 2, 3]);
  recording.append(new Uint8Array([4]), { atMs: 3 });
  await turn();
  assert.deepEqual(seen, [1, 2, 3, 4]);
  recording.end();
  await reading;
});

test("a pipe makes its writer wait for a reader that is more than 8 MiB behind, and forgets what was read", async () => {
  const recording = new Recording();
  const reader = recording.reader();
  const piece = new Uint8Array(1024 * 1024).fill(7);
  recording.append(piece, { atMs: 0 });
  recording.becomePipe();
  assert.equal(recording.joinable, false);
  let room = false;
  for (let i = 0; i < 8; i++) recording.append(piece.slice(), { atMs: 0 });
  void recording.room().then(() => {
    room = true;
  });
  await turn();
  assert.equal(room, false);
  for (let read = 0; read < 2 * 1024 * 1024; ) read += (await reader.read())?.byteLength ?? 0;
  await turn();
  assert.equal(room, true);
  const held = [...recording.chunks()].reduce((sum, chunk) => sum + chunk.byteLength, 0);
  assert.equal(held, 7 * 1024 * 1024);
});

test("a laggard of a pipe is broken off while the other reader goes on", async () => {
  const recording = new Recording();
  const slow = recording.reader();
  const quick = recording.reader();
  recording.becomePipe();
  const piece = new Uint8Array(3 * 1024 * 1024);
  for (let i = 0; i < 3; i++) recording.append(piece.slice(), { atMs: 0 });
  for (let read = 0; read < 9 * 1024 * 1024; ) read += (await quick.read())?.byteLength ?? 0;
  assert.equal(recording.dropLaggards(), 1);
  recording.end();
  assert.equal(await quick.read(), undefined);
  assert.equal((await all(slow)).broken, true);
});

test("the last reader's leaving is told, and a pending read then ends", async () => {
  const recording = new Recording();
  let abandoned = 0;
  recording.onAbandoned = () => abandoned++;
  const one = recording.reader();
  const two = recording.reader();
  const pending = one.read();
  one.leave();
  one.leave();
  assert.equal(await pending, undefined);
  assert.equal(abandoned, 0);
  two.leave();
  assert.equal(abandoned, 1);
});

test("who waits for a reader to ask goes on once one waits for bytes, or none is left", async () => {
  const recording = new Recording();
  await recording.asked();
  const reader = recording.reader();
  let asked = 0;
  const wait = () => recording.asked().then(() => asked++);
  let waiting = wait();
  await Promise.resolve();
  assert.equal(asked, 0);
  const reading = reader.read();
  await waiting;
  await recording.asked();
  assert.equal(asked, 1);
  recording.append(new Uint8Array([1]), { atMs: 0 });
  assert.deepEqual(await reading, new Uint8Array([1]));
  waiting = wait();
  await Promise.resolve();
  assert.equal(asked, 1);
  reader.leave();
  await waiting;
  assert.equal(asked, 2);
});
