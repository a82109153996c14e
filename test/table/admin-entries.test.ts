import assert from "node:assert/strict";
import { test } from "node:test";
import type { EntryRow } from "../../src/cache/archive.ts";
import { StoreFault } from "../../src/errors.ts";
import { desk, keyNumber, NOW } from "../support/admin.ts";

const DAY = 86_400_000;
type Json = Record<string, unknown>;

async function json(answer: Response, status = 200): Promise<Json> {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  assert.match(answer.headers.get("content-type") ?? "", /^application\/json/);
  return JSON.parse(text) as Json;
}

async function failure(answer: Response, status: number): Promise<{ code: string; message: string }> {
  return (await json(answer, status)).error as { code: string; message: string };
}

test("an entry is shown with every member, its age and its end judged by today's settings", async () => {
  const one = desk();
  one.add(1, { hits: 3, pool: "0123456789abcdef", namespace: "exp-7" });
  const { entries, next_cursor } = await json(await one.ask("GET", "/admin/api/entries"));
  assert.deepEqual(entries, [
    {
      ...{ key: keyNumber(1), provider: "openai", endpoint: "chat", model: "m", namespace: "exp-7" },
      ...{ credential: "0123456789ab", status: 200, stream: false, size_bytes: 2 },
      ...{ stored_at: "2026-11-23T11:00:00.000Z", last_used_at: "2026-11-23T11:00:00.000Z", hits: 3 },
      ...{ age_s: 3600, ttl_s: 345_600, expires_at: "2026-11-27T11:00:00.000Z", stale: false },
      ...{ pinned: false, imported: false, input_tokens: 3, output_tokens: 4, cost_usd: 0.5 },
      ...{ duration_ms: 900, first_byte_ms: 100.46, prompt: "prompt 1" },
    },
  ]);
  assert.equal(next_cursor, null);
});

test("the TTL of an entry is its own, else that of its kind of endpoint or of a 404", async () => {
  const cases: [Partial<EntryRow>, Json][] = [
    [{ endpoint: "embeddings" }, { ttl_s: 30 * 86_400, stale: false }],
    [{ endpoint: "count_tokens" }, { ttl_s: 30 * 86_400, stale: false }],
    [{ status: 404 }, { ttl_s: 60, stale: true, expires_at: "2026-11-23T11:01:00.000Z" }],
    [{ ttlMs: 3_600_000 }, { ttl_s: 3600, stale: true, expires_at: "2026-11-23T12:00:00.000Z" }],
    [{ ttlMs: Number.POSITIVE_INFINITY }, { ttl_s: null, stale: false, expires_at: null }],
    [{ ttlMs: 9e15 }, { ttl_s: 9e12, stale: false, expires_at: null }],
    [{ storedAt: NOW + DAY }, { age_s: 0, stale: false }],
    [
      { costUsd: undefined, model: undefined, prompt: undefined },
      { cost_usd: null, model: null, prompt: null },
    ],
  ];
  for (const [row, want] of cases) {
    const one = desk();
    one.add(1, row);
    const { entries } = await json(await one.ask("GET", "/admin/api/entries"));
    const [entry] = entries as [Json];
    assert.deepEqual(Object.fromEntries(Object.keys(want).map((name) => [name, entry[name]])), want);
  }
});

test("a list's filters, words, order and page reach the archive as they were asked for", async () => {
  const one = desk();
  for (let at = 0; at < 5; at++) one.add(at);
  const query = "provider=openai&model=m&namespace=&endpoint=chat&key=0000&q=%20prompt%20&sort=hits&limit=2";
  const first = await json(await one.ask("GET", `/admin/api/entries?${query}`));
  assert.deepEqual(one.asked.pop()?.of, {
    filter: { provider: "openai", endpoint: "chat", model: "m", namespace: "", keyPrefix: "0000" },
    ...{ q: "prompt", sort: "hits", limit: 2, cursor: undefined },
  });
  assert.equal((first.entries as Json[]).length, 1);
  const pages: string[] = [];
  let cursor: unknown = "0";
  while (cursor !== null) {
    const page = await json(await one.ask("GET", `/admin/api/entries?limit=2&cursor=${cursor}`));
    pages.push(...(page.entries as { key: string }[]).map(({ key }) => key));
    cursor = page.next_cursor;
  }
  assert.deepEqual(pages, [0, 1, 2, 3, 4].map(keyNumber));
});

test("a parameter out of its bounds, unknown, given twice or no cursor is a 400 that names it", async () => {
  const one = desk();
  const bad: [string, RegExp][] = [
    ["limit=0", /limit/],
    ["limit=1001", /limit/],
    ["limit=1e2", /limit/],
    ["limit=", /limit/],
    ["sort=best", /sort/],
    [`q=${"x".repeat(201)}`, /q/],
    ["key=abc", /key/],
    ["key=XYZ1", /key/],
    ["limt=5", /limt/],
    ["q=a&q=b", /"q"/],
    ["cursor=-1", /next_cursor/],
  ];
  for (const [query, names] of bad) {
    const { code, message } = await failure(await one.ask("GET", `/admin/api/entries?${query}`), 400);
    assert.match(code, /^invalid_/);
    assert.match(message, names, query);
  }
});

test("one entry comes with its request, whose JSON is as it was sent, digit for digit", async () => {
  const one = desk();
  const key = one.add(7);
  const answer = await one.ask("GET", `/admin/api/entries/${key}`);
  const text = await answer.text();
  assert.ok(text.includes('"body":{"model":"m","seed":12345678901234567890,"messages":[7]}'), text);
  const { request, response, prompt } = JSON.parse(text) as { request: Json; response: Json; prompt: string };
  assert.equal(prompt, "prompt 7");
  assert.deepEqual(response, { status: 200, headers: [["content-type", "application/json"]] });
  assert.deepEqual(
    { ...request, body: undefined },
    {
      ...{ method: "POST", path: "/v1/chat/completions", query: "", headers: ["openai-beta: x"] },
      ...{ content_type: "application/json", masked: ["tools[0].token"], body: undefined },
    },
  );
});

test("what was remembered as text, as a form, as a digest or not at all is shown as such", async () => {
  const one = desk();
  const key = one.add(1);
  const kept = one.kept.get(key)!;
  const shown = async (body: (typeof kept)["body"]) => {
    one.kept.set(key, { ...kept, body });
    const { request } = await json(await one.ask("GET", `/admin/api/entries/${key}`));
    const { body: parsed, text, fields, bytes } = request as Json;
    return { parsed, text, fields, bytes };
  };
  const nothing = { parsed: undefined, text: undefined, fields: undefined, bytes: undefined };
  assert.deepEqual(await shown({ form: "text", text: "hello" }), { ...nothing, text: "hello" });
  assert.deepEqual(await shown({ form: "json", text: "{broken" }), { ...nothing, text: "{broken" });
  const field = {
    headers: ["content-type: audio/wav"],
    name: "file",
    size: 9,
    sha256: "ab",
    text: undefined,
  };
  assert.deepEqual((await shown({ form: "fields", fields: [field] })).fields, [
    { name: "file", headers: ["content-type: audio/wav"], size_bytes: 9, sha256: "ab" },
  ]);
  assert.deepEqual(await shown({ form: "bytes", sha256: "ab", size: 9 }), {
    ...nothing,
    bytes: { size_bytes: 9, sha256: "ab" },
  });
  assert.deepEqual(await shown(undefined), nothing);
  one.kept.delete(key);
  assert.equal((await json(await one.ask("GET", `/admin/api/entries/${key}`))).request, null);
});

test("an entry's body comes byte for byte, under a head that keeps a browser from running or guessing it", async () => {
  const one = desk();
  const key = one.add(1, { status: 404 }, { body: "<script>", headers: [["Content-Type", "text/html"]] });
  const answer = await one.ask("GET", `/admin/api/entries/${key}/body`);
  assert.equal(answer.status, 200);
  assert.equal(await answer.text(), "<script>");
  const head = (name: string) => answer.headers.get(name);
  assert.deepEqual(
    [head("content-type"), head("x-askonce-status"), head("x-content-type-options"), head("content-length")],
    ["text/html", "404", "nosniff", "8"],
  );
  assert.match(head("content-security-policy") ?? "", /sandbox/);
  const empty = one.add(2, {}, { body: "", headers: [] });
  const nothing = await one.ask("GET", `/admin/api/entries/${empty}/body`);
  assert.deepEqual(
    [await nothing.text(), nothing.headers.get("content-type")],
    ["", "application/octet-stream"],
  );
});

test("a large body is read slice by slice as the reader pulls, and let go at its end and when the reader leaves", async () => {
  const sizes: number[] = [];
  let held = 0;
  const body = {
    size: 10,
    bytes: undefined,
    slice(offset: number) {
      sizes.push(offset);
      return new Uint8Array(Math.min(4, 10 - offset)).fill(offset);
    },
    hold() {
      held++;
      let mine = 1;
      return () => {
        held -= mine;
        mine = 0;
      };
    },
  };
  const one = desk();
  const key = one.add(1);
  const entry = one.parts.store.get(key)!;
  await one.parts.store.put({ ...entry, body });
  const whole = await one.ask("GET", `/admin/api/entries/${key}/body`);
  assert.deepEqual([sizes, held], [[], 1]);
  assert.deepEqual([...(await whole.bytes())], [0, 0, 0, 0, 4, 4, 4, 4, 8, 8]);
  assert.deepEqual([sizes, held], [[0, 4, 8], 0]);
  const left = (await one.ask("GET", `/admin/api/entries/${key}/body`)).body!.getReader();
  await left.read();
  assert.equal(held, 1);
  await left.cancel();
  assert.equal(held, 0);
  const head = await one.ask("HEAD", `/admin/api/entries/${key}/body`);
  assert.deepEqual([await head.text(), head.headers.get("content-length"), held], ["", "10", 0]);
});

test("a key that is none is a 400, one that is not stored a 404, on every route of an entry", async () => {
  const one = desk();
  for (const [method, path] of [
    ["GET", ""],
    ["GET", "/body"],
    ["DELETE", ""],
    ["PATCH", ""],
  ] as const) {
    const body = method === "PATCH" ? { body: { pinned: true } } : {};
    const unknown = await failure(
      await one.ask(method, `/admin/api/entries/${keyNumber(1)}${path}`, body),
      404,
    );
    assert.equal(unknown.code, "not_found");
    await failure(await one.ask(method, `/admin/api/entries/abc${path}`, body), 400);
    await failure(
      await one.ask(method, `/admin/api/entries/${keyNumber(171).toUpperCase()}${path}`, body),
      400,
    );
  }
});

test("an entry is pinned, given a TTL, given back to the settings, and deleted", async () => {
  const one = desk();
  const key = one.add(1);
  const patch = async (body: Json) =>
    await json(await one.ask("PATCH", `/admin/api/entries/${key}`, { body }));
  const pinned = await patch({ pinned: true, ttl: "30d" });
  assert.deepEqual([pinned.pinned, pinned.ttl_s], [true, 30 * 86_400]);
  assert.equal((await patch({ ttl: "forever" })).ttl_s, null);
  const back = await patch({ ttl: null });
  assert.deepEqual([back.pinned, back.ttl_s], [true, 345_600]);
  for (const body of [{}, { ttl: "4 days" }, { ttl: 5 }, { pinned: "yes" }, { pined: true }]) {
    await failure(await one.ask("PATCH", `/admin/api/entries/${key}`, { body }), 400);
  }
  assert.deepEqual(await json(await one.ask("DELETE", `/admin/api/entries/${key}`)), { deleted: true });
  assert.deepEqual(one.asked.at(-1), { what: "purge", of: { keys: [key] } });
  await failure(await one.ask("GET", `/admin/api/entries/${key}`), 404);
});

test("a purge takes what matches all that is given, by age or time, and says how many", async () => {
  const one = desk();
  for (let at = 1; at <= 4; at++) one.add(at, { storedAt: NOW - at * DAY, model: at === 4 ? "other" : "m" });
  const purge = async (body: Json) => await json(await one.ask("POST", "/admin/api/purge", { body }));
  assert.deepEqual(await purge({ older_than: "36h", dry_run: true }), { purged: 3, dry_run: true });
  assert.equal(one.rows.length, 4);
  assert.deepEqual(await purge({ older_than: "2026-11-20T13:00:00+01:00", model: "m" }), { purged: 0 });
  assert.deepEqual(await purge({ older_than: "2026-11-20T12:00:00.001Z", model: "m" }), { purged: 1 });
  assert.deepEqual(await purge({ newer_than: "1d" }), { purged: 1 });
  assert.deepEqual(await purge({ keys: [keyNumber(2), keyNumber(3)] }), { purged: 1 });
  assert.deepEqual(await purge({ all: true, dry_run: true }), { purged: 1, dry_run: true });
  assert.deepEqual(await purge({ all: true }), { purged: 1 });
  assert.equal(one.rows.length, 0);
});

test("a purge that says nothing, too much, or what is not known is a 400 that says so, and takes nothing", async () => {
  const one = desk();
  one.add(1);
  const bad: [unknown, RegExp][] = [
    [{}, /"all": true/],
    [{ dry_run: true }, /"all": true/],
    [{ all: false }, /all/],
    [{ all: true, provider: "openai" }, /"all" cannot stand beside/],
    [{ older_then: "4d" }, /"older_then"/],
    [{ older_than: "4 days" }, /older_than/],
    [{ older_than: "2026-13-01T00:00:00Z" }, /older_than/],
    [{ older_than: 4 }, /older_than/],
    [{ keys: [] }, /keys/],
    [{ keys: ["abc"] }, /keys\.0/],
    [{ keys: Array.from({ length: 10_001 }, () => keyNumber(1)) }, /keys/],
    [{ provider: "" }, /provider/],
    [[], /object/],
    ["null", /object/],
    ["{", /JSON/],
    ["", /JSON/],
    ['\uFEFF{"all":true}', /JSON/],
  ];
  for (const [body, names] of bad) {
    const { message } = await failure(await one.ask("POST", "/admin/api/purge", { body }), 400);
    assert.match(message, names, JSON.stringify(body).slice(0, 80));
  }
  const large = { keys: ["a".repeat(3 * 1024 * 1024)] };
  assert.equal(
    (await failure(await one.ask("POST", "/admin/api/purge", { body: large }), 413)).code,
    "request_too_large",
  );
  assert.equal(one.rows.length, 1);
});

test("what was refused is not repeated: it may be a secret in the wrong place", async () => {
  const one = desk();
  for (const body of [
    { provider: 5, model: ["sk-secret"] },
    { older_than: "sk-secret" },
    { dry_run: "sk-secret" },
  ]) {
    const answer = await one.ask("POST", "/admin/api/purge", { body });
    assert.equal(answer.status, 400);
    assert.ok(!(await answer.text()).includes("sk-secret"));
  }
});

test("forget takes those used last, and by itself the last one", async () => {
  const one = desk();
  for (let at = 1; at <= 4; at++) one.add(at);
  const forget = async (body: unknown) => await json(await one.ask("POST", "/admin/api/forget", { body }));
  assert.deepEqual(await forget({}), { forgotten: [keyNumber(1)] });
  assert.deepEqual(one.asked[0], { what: "list", of: { filter: {}, sort: "used", limit: 1 } });
  assert.deepEqual(await forget({ last: 2 }), { forgotten: [keyNumber(2), keyNumber(3)] });
  assert.deepEqual(await forget({ last: 9 }), { forgotten: [keyNumber(4)] });
  assert.deepEqual(await forget({ last: 9 }), { forgotten: [] });
  assert.equal(one.asked.filter(({ what }) => what === "purge").length, 3);
});

test("a store or an archive that cannot be used is a 503 that says why, and a fault of the code a 500 that does not", async () => {
  const broken = desk({
    list: () => Promise.reject(new StoreFault("the disk is full")),
    count: () => Promise.reject(new TypeError("undefined is not a function")),
  });
  const { code, message } = await failure(await broken.ask("GET", "/admin/api/entries"), 503);
  assert.deepEqual([code, /the disk is full/.test(message)], ["store_unavailable", true]);
  const body = { all: true, dry_run: true };
  const fault = await failure(await broken.ask("POST", "/admin/api/purge", { body }), 500);
  assert.equal(fault.code, "internal_error");
  assert.ok(!fault.message.includes("undefined"));
  assert.match(broken.reports.join("\n"), /undefined is not a function/);
});

test("a path that is not there is a 404 and a method that is not a 405 that names those that are, both JSON", async () => {
  const one = desk();
  for (const path of [
    "/admin/api/nothing",
    "/admin/api",
    "/admin",
    "/admin/",
    "/admin/api/entries/",
    "/admin/api/entries/a/b",
  ]) {
    assert.equal((await failure(await one.ask("GET", path), 404)).code, "not_found");
  }
  const wrong = await one.ask("PUT", `/admin/api/entries/${keyNumber(1)}`);
  assert.equal(wrong.headers.get("allow"), "GET, HEAD, PATCH, DELETE");
  assert.equal((await failure(wrong, 405)).code, "method_not_allowed");
  const head = await one.ask("HEAD", "/admin/api/purge");
  assert.deepEqual([head.status, await head.text()], [405, ""]);
  assert.equal((await one.ask("HEAD", "/admin/api/entries")).status, 200);
});
