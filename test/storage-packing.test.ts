import assert from "node:assert/strict";
import { test } from "node:test";
import { zstdDecompressSync } from "node:zlib";
import { pack, unpack } from "../src/storage/packing.ts";

const prose = (bytes: number) =>
  new TextEncoder().encode("a word and another ".repeat(bytes / 19 + 1)).subarray(0, bytes);

test("a part of a larger buffer is packed alone, and as anybody's zstd unpacks it", () => {
  const larger = new Uint8Array(10_000).fill(7);
  larger.set(prose(4_000), 3_000);
  const plain = larger.subarray(3_000, 7_000);
  const packed = pack(plain);
  assert.equal(packed.coding, 1);
  assert.ok(packed.bytes.byteLength < 400);
  assert.deepEqual(new Uint8Array(zstdDecompressSync(packed.bytes)), new Uint8Array(plain));
  assert.deepEqual(new Uint8Array(unpack(packed, 4_000)), new Uint8Array(plain));
});

test("what is short, or hardly becomes shorter, stays as it is", () => {
  const noise = crypto.getRandomValues(new Uint8Array(4_000));
  for (const plain of [prose(500), noise]) assert.deepEqual(pack(plain), { coding: 0, bytes: plain });
});

test("nothing is unpacked to more bytes than there were", () => {
  const packed = pack(prose(100_000));
  assert.throws(() => unpack(packed, 99_999));
});
