import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { pages, renew } from "../../scripts/docs.ts";

test("README and docs hold the tables that the code has now", () => {
  let tables = 0;
  for (const path of pages()) {
    const page = readFileSync(path, "utf8");
    tables += page.match(/<!-- \/\w+ -->/g)?.length ?? 0;
    assert.equal(renew(page), page, `run bun scripts/docs.ts: ${path} is behind the code`);
  }
  assert.ok(tables >= 2);
});
