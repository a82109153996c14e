import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import type { CacheKey } from "../src/cache/entry.ts";
import {
  agentSession,
  chat,
  keyOfRequest,
  noteGone,
  openShelf,
  requestOf,
  type Shelf,
} from "./support/archive.ts";
import { MIB, openDatabase, temporaryFolder } from "./support/store.ts";

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

/** Waits for a round of the archive's own upkeep to bring something about, at most 5 s. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const began = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - began < 5000, "it never came to hold");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function inspect<T>(shelf: Shelf, act: (value: (sql: string) => unknown) => T): T {
  const db = openDatabase(`${shelf.folder}/archive.db`);
  try {
    db.value("PRAGMA busy_timeout = 5000");
    return act((sql) => db.value(sql));
  } finally {
    db.close();
  }
}

const ROWS = ["requests", "parts", "features"].map((table) => `(SELECT count(*) FROM ${table})`).join(" + ");
const rowsLeft = (shelf: Shelf) => inspect(shelf, (value) => Number(value(`SELECT ${ROWS}`)));

/** All bytes of the archive's files. */
function archiveBytes(shelf: Shelf): string {
  return ["archive.db", "archive.db-wal"]
    .map((name) => `${shelf.folder}/${name}`)
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, "latin1"))
    .join();
}

test("an agent session of 80 turns takes less than 1 MB, and each of its requests is read back whole", async () => {
  const shelf = await openShelf(temporaryFolder());
  const session = agentSession(80);
  let raw = 0;
  const keys: CacheKey[] = [];
  for (const [turn, body] of session.entries()) {
    const request = requestOf(body);
    raw += request.body.byteLength;
    keys.push(await shelf.keep(request));
    // As in life they come one by one, not as a batch.
    if (turn % 4 === 3) await shelf.archive.settled();
  }
  assert.ok(raw > 17_000_000, `${raw} bytes`);
  const kept = await shelf.archive.requests(keys);
  for (const [at, one] of kept.entries()) {
    assert.ok(one?.body?.form === "json");
    assert.equal(one.body.text, JSON.stringify(session[at]));
  }
  await shelf.close();
  const bytes = statSync(`${shelf.folder}/archive.db`).size;
  console.log(
    `figures: an agent session of 80 turns, ${(raw / 1e6).toFixed(1)} MB raw, takes ${bytes / 1000} kB`,
  );
  assert.ok(bytes < 1_000_000, `${bytes} bytes`);
});

test("a request goes with its entry: nothing of it is left in the archive's files", async () => {
  const shelf = await openShelf(temporaryFolder());
  const gone = await shelf.keep(requestOf(chat([`forgettable ${"noun verb ".repeat(20)}`])));
  const stays = await shelf.keep(requestOf(chat([`memorable ${"noun verb ".repeat(20)}`])));
  await shelf.archive.settled();
  assert.match(archiveBytes(shelf), /forgettable/);
  const before = rowsLeft(shelf);
  await shelf.store.delete(gone);
  await noteGone(shelf);
  await until(() => rowsLeft(shelf) < before);
  const search = async (q: string) =>
    (await shelf.archive.list({ ...newest, q })).entries.map(({ key }) => key);
  assert.deepEqual(await search("forgettable"), []);
  assert.deepEqual(await search("memorable"), [stays]);
  assert.deepEqual(await shelf.archive.requests([gone]), [undefined]);
  await shelf.close();
  assert.ok(!archiveBytes(shelf).includes("forgettable"));
});

test("a part that several requests share stays until the last of them goes", async () => {
  const shelf = await openShelf(temporaryFolder());
  const long = "shared ".repeat(50);
  const one = await shelf.keep(requestOf(chat([long, "one"])));
  const two = await shelf.keep(requestOf(chat([long, "two"])));
  await shelf.archive.settled();
  await shelf.store.delete(one);
  await noteGone(shelf);
  await until(async () => (await shelf.archive.list(newest)).entries.length === 1);
  await until(() => inspect(shelf, (value) => value("SELECT count(*) FROM requests")) === 1);
  const [kept] = await shelf.archive.requests([two]);
  assert.ok(kept?.body?.form === "json" && kept.body.text.includes(long));
  await shelf.store.delete(two);
  await noteGone(shelf);
  await until(() => rowsLeft(shelf) === 0);
  await shelf.close();
});

test("a request whose entry is not there, or is another database's, is forgotten without being told", async () => {
  const shelf = await openShelf(temporaryFolder());
  await shelf.keep(requestOf(chat(["one"])));
  await shelf.archive.settled();
  inspect(shelf, (value) => value("UPDATE requests SET key_head = 1 RETURNING 1"));
  assert.deepEqual((await shelf.archive.list(newest)).entries[0]?.prompt, undefined);
  await until(() => rowsLeft(shelf) === 0);
  await shelf.close();
});

test("the setting hash keeps no text, and what is near is still known; off keeps nothing", async () => {
  const shelf = await openShelf(temporaryFolder(), { settings: { requests: "hash" } });
  const key = await shelf.keep(requestOf(chat(["sesame", "so", `long ${"sesame ".repeat(30)}`])));
  await shelf.archive.settled();
  const [kept] = await shelf.archive.requests([key]);
  assert.equal(kept?.head.model, "gpt-test");
  assert.equal(kept.body, undefined);
  assert.equal((await shelf.archive.list(newest)).entries[0]?.prompt, undefined);
  assert.deepEqual((await shelf.archive.list({ ...newest, q: "sesame" })).entries, []);
  const asked = requestOf(chat(["sesame", "so", `long ${"sesame ".repeat(30)}`], { temperature: 1 }));
  const [near] = await shelf.archive.nearest(asked, { limit: 1 });
  assert.equal(near?.key, key);
  assert.deepEqual(
    near.differences.map(({ path }) => path),
    ["body"],
  );
  shelf.settings.requests = "off";
  await shelf.keep(requestOf(chat(["nothing"])));
  await shelf.archive.settled();
  assert.equal(
    inspect(shelf, (value) => value("SELECT count(*) FROM requests")),
    1,
  );
  await shelf.close();
  assert.ok(!archiveBytes(shelf).includes("sesame"));
});

test("no credential in a body reaches the archive's files, and its place is named", async () => {
  const shelf = await openShelf(temporaryFolder());
  const body = chat(["hello"], {
    mcp_servers: [{ url: "https://m.example", authorization_token: "S3CRET-9" }],
  });
  const key = await shelf.keep(requestOf(body));
  const [kept] = await shelf.archive.requests([key]);
  assert.deepEqual(kept?.masked, ["mcp_servers[0].authorization_token"]);
  await shelf.close();
  assert.ok(!archiveBytes(shelf).includes("S3CRET-9"));
});

test("past half of max_size the oldest requests lose their texts, and the newest keep theirs", async () => {
  const maxSize = 16 * MIB;
  const shelf = await openShelf(temporaryFolder(), { settings: { maxSize } });
  const keys: CacheKey[] = [];
  for (let n = 0; n < 60; n++) {
    const noise = randomBytes(96 * 1024).toString("base64");
    keys.push(await shelf.keep(requestOf(chat([`picture ${n} ${noise}`]))));
  }
  await shelf.archive.settled();
  await until(() => shelf.archive.state().bytes > 0 && shelf.archive.state().bytes <= maxSize / 2);
  const kept = await shelf.archive.requests(keys);
  const held = kept.map((one) => one?.body !== undefined);
  assert.equal(held.at(-1), true);
  assert.equal(held[0], false);
  assert.deepEqual([...held].sort(), held);
  assert.equal(kept[0]?.head.model, "gpt-test");
  await shelf.close();
});

test("a body of several MiB comes through in pieces, with what else is kept around it", async () => {
  const shelf = await openShelf(temporaryFolder());
  const bodies = [
    chat(["a"]),
    chat([randomBytes(3 * MIB).toString("base64")]),
    chat(["b"]),
    chat(["c".repeat(2 * MIB)]),
  ];
  const keys = await Promise.all(bodies.map((body) => shelf.keep(requestOf(body))));
  const kept = await shelf.archive.requests(keys);
  assert.deepEqual(
    kept.map((one) => one?.body),
    bodies.map((body) => ({ form: "json", text: JSON.stringify(body) })),
  );
  await shelf.close();
});

test("two archives over one folder lose and double nothing", async () => {
  const folder = temporaryFolder();
  const shelves = await Promise.all([openShelf(folder), openShelf(folder)]);
  const requests = Array.from({ length: 60 }, (_, n) =>
    requestOf(chat(["shared ".repeat(30), "x", `number ${n}`])),
  );
  // The last ones are kept by both.
  const keys = await Promise.all(requests.map((request, n) => shelves[n % 2]!.keep(request)));
  for (const request of requests.slice(40))
    shelves[1]!.archive.keep(keyOfRequest(request), request.body.byteLength, () => request);
  await Promise.all(shelves.map(({ archive }) => archive.settled()));
  for (const { archive } of shelves) {
    assert.ok((await archive.requests(keys)).every((one) => one?.body !== undefined));
    assert.equal((await archive.list({ ...newest, limit: 100, q: "number" })).entries.length, 60);
    assert.equal(archive.state().dropped, 0);
  }
  assert.equal(
    inspect(shelves[0]!, (value) => value("SELECT refs FROM parts ORDER BY refs DESC LIMIT 1")),
    60,
  );
  await Promise.all(shelves.map((shelf) => shelf.close()));
});
