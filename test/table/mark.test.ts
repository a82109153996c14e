import assert from "node:assert/strict";
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { markOf } from "../../src/mark.node.ts";
import { buildName, COMMIT, VERSION } from "../../src/version.ts";
import { temporaryFolder } from "../support/store.ts";

test("a mark stays while files stay, and tells any change to their names, sizes and times", () => {
  const folder = temporaryFolder();
  const path = (name: string) => join(folder, name);
  const write = (name: string, text: string, at: number) => {
    writeFileSync(path(name), text);
    utimesSync(path(name), at, at);
  };
  mkdirSync(path("sub"));
  write("one.ts", "1", 1000);
  write("sub/two.ts", "2", 1000);
  const changes: readonly [string, () => void][] = [
    ["as it was", () => {}],
    ["another time", () => write("sub/two.ts", "3", 2000)],
    ["another size", () => write("sub/two.ts", "33", 2000)],
    ["one more", () => write("three.ts", "", 1000)],
    ["one less", () => rmSync(path("one.ts"))],
    ["nothing there", () => rmSync(folder, { recursive: true })],
  ];
  const seen = new Set<string>();
  for (const [what, change] of changes) {
    change();
    const mark = markOf([folder]);
    assert.match(mark, /^[0-9a-f]{32}$/, what);
    assert.equal(markOf([folder]), mark, what);
    assert.ok(!seen.has(mark), what);
    seen.add(mark);
  }
});

test("a program from source is told apart by its files", () => {
  assert.equal(COMMIT, undefined);
  assert.equal(
    buildName(() => "its files"),
    `${VERSION} its files`,
  );
});
