/**
 * Writes one body of each family in random ways, and edits it in random places, through the proxy's whole way to a
 * key; prints what was a hit and what was not. Exits with 1 where a way of writing missed or an edit hit.
 *
 *   bun scripts/bench/reformat.ts [--times 100000] [--seed 1]
 *
 * `--times` is how many of each are tried, over all families together.
 */
import process from "node:process";
import { samples } from "../../test/support/bodies.ts";
import { tryFamily } from "../../test/support/reformat.ts";

const option = (name: string, fallback: number) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const times = Math.ceil(option("times", 100_000) / samples.length);
const seed = option("seed", 1);
const sum = { reformatted: 0, hits: 0, edits: 0, misses: 0 };
const row = (cells: readonly (string | number)[]) =>
  console.log(
    cells.map((cell, i) => (i === 0 ? String(cell).padEnd(28) : String(cell).padStart(12))).join(""),
  );

const began = performance.now();
row(["family", "rewritten", "hits", "edits", "misses", "paths edited"]);
for (const [index, sample] of samples.entries()) {
  const counts = await tryFamily(sample, { times, seed: seed + index });
  const { reformatted, hits, edits, misses } = counts;
  row([counts.family, reformatted, hits, edits, misses, counts.paths]);
  for (const wrong of counts.wrong) console.log(`  ${wrong}`);
  sum.reformatted += reformatted;
  sum.hits += hits;
  sum.edits += edits;
  sum.misses += misses;
}
row(["all", sum.reformatted, sum.hits, sum.edits, sum.misses, ""]);
console.log(`seed ${seed}, ${((performance.now() - began) / 1000).toFixed(0)} s`);
if (sum.hits < sum.reformatted || sum.misses < sum.edits) process.exitCode = 1;
