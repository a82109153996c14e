/** JSON as it is written: a tree that keeps member order, digits and what is free, to be written in many ways. */

export type Tree =
  | { readonly kind: "object"; readonly free: boolean; readonly members: readonly Member[] }
  | { readonly kind: "list"; readonly items: readonly Tree[] }
  | { readonly kind: "string"; readonly text: string }
  /** A number or a literal. */
  | { readonly kind: "raw"; readonly text: string };

export type Member = readonly [name: string, value: Tree];

const FREE = Symbol("free");

/** Marks an object of the API's own: the order of its members means nothing. */
export function free<T extends object>(value: T): T {
  return Object.defineProperty(value, FREE, { value: true });
}

/** Digits as they are written. */
export class Digits {
  constructor(readonly text: string) {}
}

export function treeOf(value: unknown): Tree {
  if (typeof value === "string") return { kind: "string", text: value };
  if (value instanceof Digits) return { kind: "raw", text: value.text };
  if (Array.isArray(value)) return { kind: "list", items: value.map(treeOf) };
  if (typeof value !== "object" || value === null) return { kind: "raw", text: JSON.stringify(value) };
  const members = Object.entries(value).map(([name, member]): Member => [name, treeOf(member)]);
  return { kind: "object", free: FREE in value, members };
}

/** A seeded source of chance, so that a failure can be told again. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    // Mulberry's mixing of a counter.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % count;
  }

  one<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  maybe(percent: number): boolean {
    return this.below(100) < percent;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const all = [...items];
    for (let at = all.length - 1; at > 0; at--) {
      const other = this.below(at + 1);
      [all[at], all[other]] = [all[other] as T, all[at] as T];
    }
    return all;
  }
}

const SPACES = ["", "", "", " ", "\n", "\t", "\r\n", "  \n  "];
const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** One of the many texts that mean this tree: white space, escapes, and the order of members where it is free. */
export function written(tree: Tree, chance: Chance): string {
  const space = () => chance.one(SPACES);
  switch (tree.kind) {
    case "raw":
      return tree.text;
    case "string":
      return quoted(tree.text, chance);
    case "list":
      return `[${space()}${tree.items.map((item) => written(item, chance) + space()).join(`,${space()}`)}]`;
    case "object": {
      const members = tree.free ? chance.shuffled(tree.members) : tree.members;
      const texts = members.map(
        ([name, value]) => `${quoted(name, chance)}${space()}:${space()}${written(value, chance)}${space()}`,
      );
      return `{${space()}${texts.join(`,${space()}`)}}`;
    }
  }
}

function quoted(text: string, chance: Chance): string {
  const eager = chance.one([0, 0, 5, 60, 100]);
  const written = [...text].map((character) => {
    const code = character.codePointAt(0) as number;
    const short = SHORT[character];
    const must = code < 0x20 || character === '"' || character === "\\" || (code >= 0xd800 && code <= 0xdfff);
    if (!must && !chance.maybe(eager)) return character;
    if (short !== undefined && chance.maybe(50)) return short;
    return [...Array(character.length).keys()].map((at) => unit(character.charCodeAt(at), chance)).join("");
  });
  return `"${written.join("")}"`;
}

function unit(code: number, chance: Chance): string {
  const hex = code.toString(16).padStart(4, "0");
  return `\\u${[...hex].map((digit) => (chance.maybe(50) ? digit.toUpperCase() : digit)).join("")}`;
}

/** Every place in a tree, as the way there. */
export function places(tree: Tree, way: readonly number[] = []): (readonly number[])[] {
  const inner =
    tree.kind === "list" ? tree.items : tree.kind === "object" ? tree.members.map(([, v]) => v) : [];
  return [way, ...inner.flatMap((child, at) => places(child, [...way, at]))];
}

/** The way as a JSON path without list positions: `messages[].content`. */
export function pathName(tree: Tree, way: readonly number[]): string {
  let here = tree;
  let name = "";
  for (const step of way) {
    if (here.kind === "list") {
      name += "[]";
      here = here.items[step] as Tree;
    } else if (here.kind === "object") {
      const [member, value] = here.members[step] as Member;
      name += name === "" ? member : `.${member}`;
      here = value;
    }
  }
  return name;
}

export function at(tree: Tree, way: readonly number[]): Tree {
  return way.reduce<Tree>((here, step) => {
    if (here.kind === "list") return here.items[step] as Tree;
    return here.kind === "object" ? (here.members[step] as Member)[1] : here;
  }, tree);
}

/** The same tree with another value at one place. */
export function replaced(tree: Tree, way: readonly number[], value: Tree): Tree {
  const [step, ...rest] = way;
  if (step === undefined) return value;
  if (tree.kind === "list") {
    return { ...tree, items: tree.items.map((item, i) => (i === step ? replaced(item, rest, value) : item)) };
  }
  if (tree.kind !== "object") return tree;
  const members = tree.members.map(
    ([name, member], i): Member => [name, i === step ? replaced(member, rest, value) : member],
  );
  return { ...tree, members };
}

/** The tree's text, as an SDK writes it. */
export function compact(tree: Tree, sorted = false): string {
  if (tree.kind === "raw") return tree.text;
  if (tree.kind === "string") return JSON.stringify(tree.text);
  if (tree.kind === "list") return `[${tree.items.map((item) => compact(item, sorted)).join()}]`;
  const texts = tree.members.map(([name, value]) => `${JSON.stringify(name)}:${compact(value, sorted)}`);
  return `{${(sorted && tree.free ? texts.sort() : texts).join()}}`;
}

/** One text for one meaning: two trees mean the same if this is the same. */
export const meaning = (tree: Tree): string => compact(tree, true);
