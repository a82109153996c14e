import assert from "node:assert/strict";
import { test } from "node:test";
import { SeenLately } from "../../src/cache/seen-lately.ts";

const count = (numbers: readonly number[], seen: SeenLately) =>
  numbers.filter((number) => seen.again(number)).length;
/** Spread over all 32 bits, as digests are. */
const spread = (n: number, from = 0) =>
  Array.from({ length: n }, (_, at) => Math.imul(from + at + 1, 2654435761) >>> 0);

test("a number is told as seen from the second time on, whatever it is", () => {
  for (const number of [0, 2, 2 ** 15, 2 ** 31, 2 ** 32 - 1]) {
    const seen = new SeenLately();
    assert.deepEqual([seen.again(number), seen.again(number), seen.again(number)], [false, true, true]);
  }
});

test("of numbers that share a slot only the later one was seen", () => {
  const seen = new SeenLately();
  assert.equal(seen.again(7), false);
  assert.equal(seen.again(7 + 2 ** 15), false);
  assert.equal(seen.again(7), false);
});

test("most of 5,000 numbers are known when they come again, and few of 200,000", () => {
  assert.ok(count([...spread(5000), ...spread(5000)], new SeenLately()) > 4000);
  assert.ok(count([...spread(200_000), ...spread(200_000)], new SeenLately()) < 4000);
});
