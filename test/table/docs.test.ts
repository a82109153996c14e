import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { pages, renew } from "../../scripts/docs.ts";

test("troubleshooting names every check of doctor", () => {
  const folder = join(import.meta.dirname, "../../src/cli");
  const page = readFileSync(join(folder, "../../docs/troubleshooting.md"), "utf8");
  const checks = new Set<string>();
  for (const file of readdirSync(folder).filter((name) => name.startsWith("examine-")))
    for (const [, name = ""] of readFileSync(join(folder, file), "utf8").matchAll(
      /\bname(?:: | = )"([^"]+)"/g,
    ))
      checks.add(name);
  assert.ok(checks.size >= 10, [...checks].join());
  for (const check of checks) assert.ok(page.includes(`| ${check} |`), check);
});

test("every page stands in the index, and links lead to what is there", () => {
  const docs = pages().filter((path) => !path.endsWith("/docs/README.md"));
  const index = readFileSync(join(import.meta.dirname, "../../docs/README.md"), "utf8");
  for (const path of docs.slice(1)) assert.ok(index.includes(`](${basename(path)})`), path);
  for (const path of pages())
    for (const [, link = ""] of readFileSync(path, "utf8").matchAll(/\]\((?!https?:)([^)#]+)/g))
      assert.ok(existsSync(join(dirname(path), link)), `${path}: ${link}`);
});

test("README and docs hold the tables that the code has now", () => {
  let tables = 0;
  for (const path of pages()) {
    const page = readFileSync(path, "utf8");
    tables += page.match(/<!-- \/\w+ -->/g)?.length ?? 0;
    assert.equal(renew(page), page, `run bun scripts/docs.ts: ${path} is behind the code`);
  }
  assert.ok(tables >= 2);
});
