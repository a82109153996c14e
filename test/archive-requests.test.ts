import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { chat, openShelf, requestOf } from "./support/archive.ts";
import { temporaryFolder } from "./support/store.ts";

const newest = { filter: {}, sort: "newest", limit: 10 } as const;

test("a request that was kept is read back as it was, and shown in the listing by its last question", async () => {
  const shelf = await openShelf(temporaryFolder());
  const body = chat(["hello", "hi", "what is\n a cache?"], { temperature: 0.5, user: "u-1" });
  const key = await shelf.keep(
    requestOf(body, { namespace: "exp", headers: ["openai-beta: x"], query: "?a=1", sample: 2 }, ["user"]),
  );
  const [kept] = await shelf.archive.requests([key]);
  assert.deepEqual(kept?.body, {
    form: "json",
    text: JSON.stringify(chat(["hello", "hi", "what is\n a cache?"], { temperature: 0.5 })),
  });
  const { head } = kept!;
  assert.deepEqual(
    [head.namespace, head.headers, head.query, head.sample, head.model],
    ["exp", ["openai-beta: x"], "?a=1", 2, "gpt-test"],
  );
  const page = await shelf.archive.list(newest);
  assert.deepEqual(
    page.entries.map((row) => [row.key, row.prompt, row.namespace]),
    [[key, "what is a cache?", "exp"]],
  );
  assert.equal(statSync(`${shelf.folder}/archive.db`).mode & 0o777, 0o600);
  await shelf.close();
});
