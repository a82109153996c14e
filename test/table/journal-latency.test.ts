import assert from "node:assert/strict";
import { test } from "node:test";
import { LATENCY_BINS } from "../../src/cache/figures.ts";
import { binOf, emptyBins, percentile, roundUsd } from "../../src/journal/latency.ts";

const binsOf = (times: readonly number[]) => {
  const bins = emptyBins();
  for (const ms of times) bins[binOf(ms)]!++;
  return bins;
};

test("a time falls into the first bin whose bound it does not pass", () => {
  assert.equal(binOf(0), 0);
  for (const [bin, bound] of LATENCY_BINS.entries()) {
    assert.equal(binOf(bound), bin);
    assert.equal(binOf(bound * 1.0001), bin + 1);
  }
  assert.equal(binOf(Number.POSITIVE_INFINITY), LATENCY_BINS.length);
});

test("a percentile lies in the bin that holds it, and nothing counted has none", () => {
  const bins = binsOf([...new Array(90).fill(3), ...new Array(9).fill(100), 3000]);
  const p50 = percentile(bins, 0.5)!;
  assert.ok(p50 > 2 && p50 <= 4, String(p50));
  assert.equal(percentile(bins, 0.9), 4);
  assert.equal(percentile(bins, 0.99), 125);
  assert.equal(percentile(bins, 1), 4000);
  assert.equal(percentile(emptyBins(), 0.5), undefined);
});

test("a percentile beyond the last bound is that bound", () => {
  assert.equal(percentile(binsOf([1e9]), 0.5), 256_000);
});

test("rounded money is equal in whatever order it was added", () => {
  const prices = Array.from({ length: 1000 }, (_, n) => (n * 37 + 1) * 1e-9);
  const forth = prices.reduce((sum, price) => sum + price, 0);
  const back = prices.toReversed().reduce((sum, price) => sum + price, 0);
  assert.notEqual(forth, back);
  assert.equal(roundUsd(forth), roundUsd(back));
  assert.equal(roundUsd(0.1 + 0.2), 0.3);
});
