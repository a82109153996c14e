/** Bodies written in other ways must be one question, bodies with one edit another one: counted, per family. */
import assert from "node:assert/strict";
import type { Sample } from "./bodies.ts";
import { Editor } from "./edits.ts";
import { Chance, compact, type Member, pathName, places, type Tree, treeOf, written } from "./json-tree.ts";
import { Keyed } from "./keyed.ts";

export interface Counts {
  readonly family: string;
  reformatted: number;
  hits: number;
  edits: number;
  misses: number;
  /** Of the body's JSON paths, how many were edited. */
  paths: string;
  /** The first ones that went wrong. */
  readonly wrong: string[];
}

const WRONG_KEPT = 3;

/** Tries `times` of each; `seed` makes it the same again. */
export async function tryFamily(
  sample: Sample,
  options: { readonly times: number; readonly seed: number },
): Promise<Counts> {
  const chance = new Chance(options.seed);
  const tree = treeOf({ ...(sample.body as object) });
  assert.equal(tree.kind, "object");
  const top: Tree = { ...(tree as Extract<Tree, { kind: "object" }>), free: true };
  const ignored = new Set(Object.keys(sample.ignored));
  const editor = new Editor(top, ignored);
  const keyed = new Keyed();
  const { path } = sample;
  const plain = await keyed.ask({ path, body: compact(top) });
  assert.ok(plain.key, `${sample.family}: ${plain.word} ${plain.detail}`);
  keyed.keep(plain.key);

  const counts: Counts = {
    family: sample.family,
    reformatted: 0,
    hits: 0,
    edits: 0,
    misses: 0,
    paths: "",
    wrong: [],
  };
  const wrong = (text: string) => counts.wrong.length < WRONG_KEPT && counts.wrong.push(text.slice(0, 3000));
  const touched = new Set<string>();
  for (let time = 0; time < options.times; time++) {
    const body = written(withIgnored(top, sample, chance), chance);
    counts.reformatted++;
    const again = await keyed.ask({ path, body });
    if (again.word === "HIT" && again.key === plain.key) counts.hits++;
    else wrong(`no hit (${again.word}): ${body}`);

    const { tree: other, way, what } = editor.edit(chance);
    touched.add(pathName(top, way));
    const text = written(withIgnored(other, sample, chance), chance);
    counts.edits++;
    const missed = await keyed.ask({ path, body: text });
    if (missed.word !== "HIT" && missed.key !== plain.key) counts.misses++;
    else wrong(`a hit after ${what} at ${pathName(top, way)}: ${text}`);
  }
  const all = new Set(places(top).map((way) => pathName(top, way)));
  counts.paths = `${touched.size}/${all.size}`;
  return counts;
}

/** Adds some of the members that don't count, with any of their values. */
function withIgnored(tree: Tree, sample: Sample, chance: Chance): Tree {
  if (tree.kind !== "object") return tree;
  const more = Object.entries(sample.ignored)
    .filter(() => chance.maybe(50))
    .map(([name, values]): Member => [name, treeOf(chance.one(values))]);
  return { ...tree, members: [...tree.members, ...more] };
}
