import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import * as zlib from "node:zlib";
import { ZstdEnd } from "../../src/zstd-end.ts";

const text = Buffer.from("hello world ".repeat(30_000));
const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = zlib.constants;
const packed = (bytes: Uint8Array, params = {}) => zlib.zstdCompressSync(bytes, { params });
const skipped = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
const emptySkipped = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);

const WHOLE: Readonly<Record<string, Uint8Array>> = {
  short: packed(Buffer.from("x")),
  empty: packed(Buffer.alloc(0)),
  "a text": packed(text),
  "blocks of one byte": packed(Buffer.alloc(1_000_000)),
  "blocks that don't pack": packed(randomBytes(400_000)),
  "with a checksum": packed(text, { [ZSTD_c_checksumFlag]: 1 }),
  "of unknown size": packed(text, { [ZSTD_c_contentSizeFlag]: 0 }),
  "two frames": Buffer.concat([packed(text), packed(randomBytes(10))]),
  "skipped frames": Buffer.concat([skipped, packed(text), emptySkipped]),
};

/** Where a frame ends before the last one does. */
const ENDS: Readonly<Record<string, readonly number[]>> = {
  "two frames": [packed(text).byteLength],
  "skipped frames": [skipped.byteLength + packed(text).byteLength, skipped.byteLength],
};

function isWhole(bytes: Uint8Array, pieces: number): boolean {
  const end = new ZstdEnd();
  for (let at = 0; at < bytes.byteLength; at += pieces) end.take(bytes.subarray(at, at + pieces));
  return end.whole;
}

for (const [name, bytes] of Object.entries(WHOLE)) {
  test(`zstd, ${name}: whole at its end and nowhere before, in pieces of any size`, () => {
    for (const pieces of [1, 3, 1000, bytes.byteLength]) assert.ok(isWhole(bytes, pieces), `${pieces}`);
    const step = Math.ceil(bytes.byteLength / 300);
    const whole: number[] = [];
    for (let at = bytes.byteLength - 1; at > 0; at -= step)
      if (isWhole(bytes.subarray(0, at), 7)) whole.push(at);
    assert.deepEqual(whole, ENDS[name] ?? []);
  });
}

test("zstd: what is no frame, or comes behind one, is not whole", () => {
  assert.ok(!isWhole(new Uint8Array(0), 1));
  assert.ok(!isWhole(Buffer.from("hello there"), 4));
  assert.ok(!isWhole(Buffer.concat([packed(text), Buffer.from("more")]), 100));
  assert.ok(!isWhole(Buffer.concat([packed(text), Buffer.from("m")]), 100));
});
