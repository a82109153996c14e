import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { goldenKeys, goldenPath } from "../../scripts/golden-keys.ts";

test("every pinned request still has its key: another one would empty every user's cache", async () => {
  const pinned = JSON.parse(readFileSync(goldenPath, "utf8"));
  assert.deepEqual(
    await goldenKeys(),
    pinned,
    "bun scripts/golden-keys.ts --write, and [cold] in the changelog",
  );
});
