import assert from "node:assert/strict";
import { test } from "node:test";
import { readExposition, sumSeries } from "../support/exposition.ts";

const COUNTER = "# HELP a_total All.\n# TYPE a_total counter\n";
const HISTOGRAM = "# HELP h_seconds Time.\n# TYPE h_seconds histogram\n";
const bucket = (le: string, count: number) => `h_seconds_bucket{le="${le}"} ${count}\n`;

test("the reader of metrics takes what Prometheus' text may hold", () => {
  const buckets = bucket("0.1", 1) + bucket("2", 3) + bucket("+Inf", 3);
  const families = readExposition(
    `${COUNTER}a_total{x="1\\n\\"\\\\",y="é, }"} 1\na_total{x="2",y=""} 2.5e3\n\n${HISTOGRAM}${buckets}h_seconds_sum 0.5\nh_seconds_count 3\n`,
  );
  assert.equal(sumSeries(families, "a_total"), 2501);
  assert.equal(sumSeries(families, "a_total", { x: "2" }), 2500);
  assert.equal(sumSeries(families, "h_seconds_count"), 3);
});

test("the reader of metrics refuses what Prometheus' checker would", () => {
  const bad = {
    "without its family": "a_total 1\n",
    "HELP without TYPE": "# HELP a_total All.\na_total 1\n",
    "TYPE without HELP": "# TYPE a_total counter\na_total 1\n",
    "a family twice": `${COUNTER}a_total 1\n${COUNTER}a_total{x="1"} 1\n`,
    "a series twice": `${COUNTER}a_total{x="1",y="2"} 1\na_total{y="2",x="1"} 1\n`,
    "another family's sample": `${COUNTER}b_total 1\n`,
    "a counter without _total": "# HELP a All.\n# TYPE a counter\na 1\n",
    "a gauge with _total": "# HELP a_total All.\n# TYPE a_total gauge\na_total 1\n",
    milliseconds: "# HELP a_ms All.\n# TYPE a_ms gauge\na_ms 1\n",
    "a quote in a label": `${COUNTER}a_total{x="1"2"} 1\n`,
    "an unknown escape": `${COUNTER}a_total{x="\\t"} 1\n`,
    "a line break in a label": `${COUNTER}a_total{x="\n"} 1\n`,
    "a label twice": `${COUNTER}a_total{x="1",x="2"} 1\n`,
    "no number": `${COUNTER}a_total one\n`,
    "a counter below 0": `${COUNTER}a_total -1\n`,
    "no end of the last line": `${COUNTER}a_total 1`,
    "buckets that fall": HISTOGRAM + bucket("1", 3) + bucket("+Inf", 2),
    "buckets without +Inf": HISTOGRAM + bucket("1", 3),
  };
  for (const [about, text] of Object.entries(bad)) assert.throws(() => readExposition(text), about);
});
