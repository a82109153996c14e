import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ChunkDecoder, dataOf } from "../../src/http/chunked.ts";
import { octets } from "../../src/http/octets.node.ts";
import { latin1 } from "../support/http-wire.ts";

/** Decodes in pieces of the given sizes; the data, where it stopped in all, or that it was refused. */
function decode(bytes: Uint8Array, cuts: readonly number[] = []) {
  const decoder = new ChunkDecoder();
  const data: Uint8Array[] = [];
  let from = 0;
  let used = 0;
  for (const cut of [...cuts, bytes.byteLength]) {
    const piece = bytes.slice(from, Math.min(bytes.byteLength, from + cut));
    from += piece.byteLength;
    const stop = decoder.push(piece, 0, (at, end) => data.push(piece.slice(at, end)));
    if (stop < 0) return "refused";
    used += stop;
    if (decoder.complete) break;
  }
  return { text: Buffer.concat(data).toString("latin1"), used, complete: decoder.complete };
}

const good: readonly (readonly [wire: string, text: string])[] = [
  ["0\r\n\r\n", ""],
  ["2\r\n{}\r\n0\r\n\r\n", "{}"],
  ["A\r\n0123456789\r\n000\r\n\r\n", "0123456789"],
  ['2;ext="a b"\r\n{}\r\n0;last\r\n\r\n', "{}"],
  ["2\r\n\r\n\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n", "\r\n"],
];
for (const [wire, text] of good) {
  test(`${JSON.stringify(wire)} is ${JSON.stringify(text)}, and what follows is left`, () => {
    const expected = { text, used: wire.length, complete: true };
    assert.deepEqual(decode(latin1(`${wire}GET / HTTP/1.1`)), expected);
    for (let cut = 1; cut < wire.length; cut++)
      assert.deepEqual(decode(latin1(wire), [cut]), expected, String(cut));
  });
}

for (const wire of [
  "zz\r\n{}\r\n",
  "\r\n",
  ";a\r\n",
  "-1\r\n",
  "+2\r\n{}\r\n",
  "0x2\r\n{}\r\n",
  " 2\r\n{}\r\n",
  "2 \r\n{}\r\n",
  "2\n{}\r\n",
  "2\r{}\r\n",
  "2\r\n{}0\r\n\r\n",
  "2\r\n{}\n0\r\n\r\n",
  "2\r\n{}\r0\r\n\r\n",
  "2;a\nb\r\n{}\r\n",
  "2;a\rb\r\n{}\r\n",
  "ffffffffffffffff\r\n",
  `2;${"a".repeat(2000)}\r\n`,
  "0\r\nA: b\n\r\n",
  "0\r\n\n",
  `0\r\n${`A: ${"b".repeat(1000)}\r\n`.repeat(20)}\r\n`,
]) {
  test(`refused, in one piece and byte for byte: ${JSON.stringify(wire.slice(0, 40))}`, () => {
    assert.equal(decode(latin1(wire)), "refused");
    assert.equal(decode(latin1(wire), Array(wire.length).fill(1)), "refused");
  });
}

test("a body without its last chunk is not complete", () => {
  assert.deepEqual(decode(latin1("2\r\n{}\r\n")), { text: "{}", used: 7, complete: false });
  assert.deepEqual(decode(latin1("2\r\n{}\r\n0\r\n")), { text: "{}", used: 10, complete: false });
});

test("any split of any chunks gives the same data", () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      fc.array(chunk, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 })),
      (chunks, cuts) => {
        const parts = chunks.map(
          (data) => `${data.length.toString(16)}\r\n${Buffer.from(data).toString("latin1")}\r\n`,
        );
        const wire = `${parts.join("")}0\r\n\r\n`;
        const text = chunks.map((data) => Buffer.from(data).toString("latin1")).join("");
        assert.deepEqual(decode(latin1(wire), cuts), { text, used: wire.length, complete: true });
      },
    ),
  );
});

test("any split of any bytes is refused or taken alike", () => {
  const odd = fc.array(fc.constantFrom("0", "1", "a", "g", ";", "\r\n", "\r", "\n", "x", " "), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(odd, fc.array(fc.integer({ min: 1, max: 5 })), (pieces, cuts) => {
      const wire = latin1(pieces.join(""));
      assert.deepEqual(decode(wire, cuts), decode(wire));
    }),
    { numRuns: 1000 },
  );
});

test("the data of bytes is one piece whatever its chunks and wherever the bytes are cut, and stays as it is", () => {
  const chunks = fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 2000 }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(chunks, fc.array(fc.nat(9000), { maxLength: 4 }), (texts, cuts) => {
      const wire = `${texts.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join("")}0\r\n\r\nnext`;
      const whole = latin1(wire);
      const ends = [...cuts.map((cut) => cut % wire.length), wire.length].sort((a, b) => a - b);
      const decoder = new ChunkDecoder();
      const found: Uint8Array[] = [];
      let stop = 0;
      for (const [n, end] of ends.entries()) {
        if (decoder.complete) break;
        const from = ends[n - 1] ?? 0;
        // Other bytes stand before those that are meant.
        const bytes = latin1(`xx${wire.slice(from, end)}`);
        const one = dataOf(decoder, bytes, { from: 2, octets });
        if (one.data !== undefined) found.push(one.data);
        stop = from + one.end - 2;
      }
      assert.equal(Buffer.concat(found).toString("latin1"), texts.join(""));
      assert.equal(decoder.complete, true);
      assert.equal(stop, whole.byteLength - "next".length);
    }),
  );
});
