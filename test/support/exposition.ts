/** Reads Prometheus' text format (0.0.4) as strictly as its own checker: what is not allowed throws. */
import assert from "node:assert/strict";

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** By name and sorted labels: `x_total{a="b"}`. */
  readonly series: Map<string, number>;
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: (-?\d+))?$/;
const VALUE = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/;
const SUFFIXES: Record<string, readonly string[]> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"],
};

export function readExposition(text: string): Map<string, Family> {
  assert.ok(text.endsWith("\n"), "the last line has no end");
  const families = new Map<string, Family>();
  let help: [name: string, text: string] | undefined;
  let current: Family | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    if (line.startsWith("# HELP ")) {
      assert.equal(help, undefined, `HELP without TYPE before ${line}`);
      const [, , name = "", ...words] = line.split(" ");
      help = [name, words.join(" ")];
      assert.ok(words.join(" ").trim() !== "", `no help: ${line}`);
      assert.doesNotMatch(words.join(" "), /\\(?![\\n])/, `escapes of ${line}`);
    } else if (line.startsWith("# TYPE ")) {
      const [, , name = "", type = ""] = line.split(" ");
      assert.match(name, NAME);
      assert.equal(help?.[0], name, `TYPE of ${name} without its HELP`);
      assert.ok(!families.has(name), `${name} comes twice`);
      assert.match(type, /^(counter|gauge|histogram|summary|untyped)$/);
      current = { name, type, help: help?.[1] ?? "", series: new Map() };
      families.set(name, current);
      help = undefined;
    } else if (!line.startsWith("#") && line !== "") takeSample(line, current);
  }
  for (const family of families.values()) checkFamily(family);
  return families;
}

function takeSample(line: string, family: Family | undefined): void {
  assert.ok(family, `no family for ${line}`);
  const [, name = "", labels = "", value = ""] = SAMPLE.exec(line) ?? assert.fail(`no sample: ${line}`);
  const suffixes = SUFFIXES[family.type] ?? [""];
  assert.ok(
    suffixes.some((suffix) => name === family.name + suffix),
    `${name} stands under ${family.name}`,
  );
  assert.match(value, VALUE, line);
  const id = `${name}{${readLabels(labels, line).join(",")}}`;
  assert.ok(!family.series.has(id), `twice: ${id}`);
  family.series.set(id, Number(value.replace("Inf", "Infinity")));
}

/** `a="b"` each, sorted; only `\\`, `\"` and `\n` are escapes. */
function readLabels(text: string, line: string): string[] {
  const found: string[] = [];
  const names = new Set<string>();
  const one = /\s*([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\"n])*)"\s*(?:,|$)/y;
  while (one.lastIndex < text.length) {
    const [, name = "", value = ""] = one.exec(text) ?? assert.fail(`labels of ${line}`);
    assert.ok(!names.has(name), `${name} twice in ${line}`);
    assert.ok(!name.startsWith("__"), line);
    names.add(name);
    found.push(`${name}="${value}"`);
  }
  return found.toSorted();
}

function checkFamily({ name, type, series }: Family): void {
  assert.equal(/_total$/.test(name), type === "counter", `${name} is a ${type}`);
  assert.doesNotMatch(
    name,
    /_(?:ms|milliseconds|minutes|hours|kb|mb|kilobytes|percent|count|sum|bucket)(?:_total)?$/,
  );
  for (const [id, value] of series) if (type === "counter") assert.ok(value >= 0, `${id} is ${value}`);
  if (type === "histogram") checkBuckets(name, series);
}

function checkBuckets(name: string, series: ReadonlyMap<string, number>): void {
  const groups = Map.groupBy(
    [...series].filter(([id]) => id.startsWith(`${name}_bucket{`)),
    ([id]) => id.replace(/,?le="[^"]*",?/, "").replace(`${name}_bucket`, ""),
  );
  for (const [labels, buckets] of groups) {
    const bounds = buckets.map(([id]) => Number(/le="([^"]*)"/.exec(id)?.[1]?.replace("Inf", "Infinity")));
    assert.deepEqual(
      bounds,
      bounds.toSorted((a, b) => a - b),
      `${name}${labels}: bounds`,
    );
    assert.equal(bounds.at(-1), Number.POSITIVE_INFINITY, `${name}${labels}: no +Inf`);
    const counts = buckets.map(([, count]) => count);
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
      `${name}${labels}: counts`,
    );
  }
}

/** Sum of a family's series that have all these labels. */
export function sumSeries(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const base = name.replace(/_(?:count|sum)$/, "");
  const family = families.get(name) ?? families.get(base) ?? assert.fail(`no metric ${name}`);
  let sum = 0;
  for (const [id, value] of family.series)
    if (
      id.startsWith(`${name}{`) &&
      Object.entries(labels).every(([key, text]) => id.includes(`${key}="${text}"`))
    )
      sum += value;
  return sum;
}
