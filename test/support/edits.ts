/** Single edits that change what a body means. */
import { at, type Chance, type Member, meaning, places, replaced, type Tree } from "./json-tree.ts";

export interface Edit {
  readonly tree: Tree;
  readonly way: readonly number[];
  readonly what: string;
}

/** Draws single edits of one tree, each at one of all its places. */
export class Editor {
  readonly #tree: Tree;
  readonly #before: string;
  readonly #places: (readonly number[])[];

  /** No member of `ignored` is touched at the top level. */
  constructor(tree: Tree, ignored: ReadonlySet<string>) {
    this.#tree = tree;
    this.#before = meaning(tree);
    this.#places = places(tree).filter((way) => {
      const top = tree.kind === "object" ? tree.members[way[0] ?? -1]?.[0] : undefined;
      return top === undefined || !ignored.has(top);
    });
  }

  edit(chance: Chance): Edit {
    for (;;) {
      const way = chance.one(this.#places);
      const [what, value] = change(at(this.#tree, way), chance);
      const after = replaced(this.#tree, way, value);
      if (meaning(after) !== this.#before) return { tree: after, way, what };
    }
  }
}

type Change = readonly [what: string, value: Tree];

function change(tree: Tree, chance: Chance): Change {
  if (chance.maybe(8)) return ["another kind of value", otherKind(tree)];
  switch (tree.kind) {
    case "string":
      return textChange(tree.text, chance);
    case "raw":
      return rawChange(tree.text, chance);
    case "list":
      return listChange(tree, chance);
    case "object":
      return objectChange(tree, chance);
  }
}

function otherKind(tree: Tree): Tree {
  if (tree.kind === "string") return { kind: "list", items: [tree] };
  if (tree.kind === "raw") return { kind: "string", text: tree.text };
  return { kind: "raw", text: "null" };
}

function textChange(text: string, chance: Chance): Change {
  const where = chance.below(text.length + 1);
  const string = (changed: string): Tree => ({ kind: "string", text: changed });
  const added = chance.one(["x", " ", "\n", "é", "e\u0301", "\u0000", "\ufeff", "\ud800", "😀", '"', "\\"]);
  if (chance.maybe(60)) return ["a character more", string(text.slice(0, where) + added + text.slice(where))];
  if (chance.maybe(50)) return ["a character less", string(text.slice(0, where) + text.slice(where + 1))];
  return ["another case", string(text === text.toUpperCase() ? text.toLowerCase() : text.toUpperCase())];
}

const NUMBERS = ["0", "-0", "1", "1.0", "1e0", "12345678901234567890", "12345678901234567891", "1e400"];

function rawChange(text: string, chance: Chance): Change {
  const others = [...NUMBERS, "true", "false", "null"].filter((other) => other !== text);
  if (!/^\d/.test(text) || chance.maybe(50))
    return ["another value", { kind: "raw", text: chance.one(others) }];
  return ["a digit more", { kind: "raw", text: /[.e]/.test(text) ? `${text}1` : `${text}.5` }];
}

function listChange(tree: Extract<Tree, { kind: "list" }>, chance: Chance): Change {
  const { items } = tree;
  const list = (changed: readonly Tree[]): Tree => ({ kind: "list", items: changed });
  const where = chance.below(items.length + 1);
  if (items.length > 1 && chance.maybe(40)) return ["another order", list(moved(items, chance))];
  if (items.length > 0 && chance.maybe(50)) return ["an element less", list(items.toSpliced(where, 1))];
  return ["an element more", list(items.toSpliced(where, 0, items[0] ?? { kind: "raw", text: "null" }))];
}

function objectChange(tree: Extract<Tree, { kind: "object" }>, chance: Chance): Change {
  const { members } = tree;
  const object = (changed: readonly Member[]): Tree => ({ ...tree, members: changed });
  const where = chance.below(members.length);
  const name = chance.one([
    "unheard_of",
    "__proto__",
    "constructor",
    "x\u0000",
    "\ufeffuser",
    "User",
    "user ",
  ]);
  if (!tree.free && members.length > 1 && chance.maybe(40))
    return ["another order where it counts", object(moved(members, chance))];
  const one = members[where];
  if (one && chance.maybe(40)) return ["a member less", object(members.toSpliced(where, 1))];
  if (one && chance.maybe(40))
    return ["a member of another name", object(members.toSpliced(where, 1, [`${one[0]}_`, one[1]]))];
  return [
    "a member more",
    object(members.toSpliced(where, 0, [name, { kind: "raw", text: chance.one(["1", "null"]) }])),
  ];
}

function moved<T>(items: readonly T[], chance: Chance): T[] {
  const from = chance.below(items.length);
  const rest = items.toSpliced(from, 1);
  return rest.toSpliced(chance.below(rest.length + 1), 0, items[from] as T);
}
