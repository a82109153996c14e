import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { routesOf } from "../../src/admin/admin.ts";
import { keptToken } from "../../src/admin/token.ts";
import { desk, keyNumber, TOKEN } from "../support/admin.ts";
import { files, temporaryFolder } from "../support/store.ts";

const filled = (path: string) =>
  `/admin/api${path.replace("{key}", keyNumber(1)).replace("{label}", "0123456789ab")}`;
const UNAUTHORIZED = {
  error: { code: "unauthorized", message: "Send the admin token: Authorization: Bearer TOKEN." },
};

test("every route but the document and its page is a 401 without the token, whatever is asked, and says nothing else", async () => {
  const one = desk();
  one.add(1);
  const guarded = routesOf(one.parts).filter(({ open }) => !open);
  assert.ok(guarded.length >= 18, String(guarded.length));
  const places = [
    ...guarded.map(({ method, path }) => [method, filled(path)] as const),
    ["PUT", "/admin/api/stats"],
    ["OPTIONS", "/admin/api/stats"],
    ["GET", "/admin/api/nothing"],
    ["GET", "/admin/api/entries/not-a-key"],
    ["GET", "/admin/api/docs/"],
    ["GET", "/admin/api/"],
  ] as const;
  const tokens = [null, "wrong", `${TOKEN}x`, TOKEN.slice(0, -1), TOKEN.toUpperCase(), ""];
  for (const [method, path] of places) {
    for (const token of tokens) {
      const answer = await one.ask(method, path, { token, ...(method === "POST" && { body: "{" }) });
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
      assert.deepEqual(await answer.json(), UNAUTHORIZED);
    }
  }
  assert.deepEqual(one.asked, []);
});

test("a token in the query, in a cookie or under another scheme counts for nothing", async () => {
  const one = desk();
  const tries = [
    { path: `/admin/api/stats?token=${TOKEN}`, headers: {} },
    { path: "/admin/api/stats", headers: { cookie: `token=${TOKEN}` } },
    { path: "/admin/api/stats", headers: { authorization: `Basic ${TOKEN}` } },
    { path: "/admin/api/stats", headers: { authorization: TOKEN } },
    { path: "/admin/api/stats", headers: { "x-api-key": TOKEN } },
  ];
  for (const { path, headers } of tries) {
    assert.equal((await one.ask("GET", path, { headers, token: null })).status, 401, path);
  }
});

test("the document and its page are open and hold no data", async () => {
  const one = desk();
  one.add(1);
  for (const path of ["/admin/api/openapi.json", "/admin/api/docs"]) {
    const answer = await one.ask("GET", path, { token: null });
    assert.equal(answer.status, 200);
    const text = await answer.text();
    assert.ok(!text.includes(keyNumber(1)) && !text.includes(TOKEN));
    assert.equal((await one.ask("POST", path, { token: null, body: {} })).status, 405);
  }
  assert.deepEqual(one.asked, []);
});

test("a page of another origin gets a 403 with the token and without, and never a CORS header", async () => {
  const one = desk();
  const foreign: Record<string, string>[] = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { origin: "http://127.0.0.1:8182" },
    { origin: "https://127.0.0.1:8181" },
    { origin: "http://localhost:8181" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ];
  for (const headers of foreign) {
    for (const [method, path] of [
      ["GET", "/admin/api/stats"],
      ["POST", "/admin/api/purge"],
      ["OPTIONS", "/admin/api/purge"],
      ["GET", "/admin/api/docs"],
      ["GET", "/metrics"],
      ["GET", "/admin"],
    ] as const) {
      const answer = await one.ask(method, path, {
        headers,
        ...(method === "POST" && { body: { all: true } }),
      });
      assert.equal(answer.status, 403, `${method} ${path} ${JSON.stringify(headers)}`);
      assert.equal(((await answer.json()) as { error: { code: string } }).error.code, "forbidden_origin");
      for (const name of answer.headers.keys()) assert.ok(!name.startsWith("access-control-"), name);
    }
  }
  assert.deepEqual(one.asked, []);
});

test("a page of this origin may ask, and a link from another site may open the page for people", async () => {
  const one = desk();
  const own = { origin: "http://127.0.0.1:8181", "sec-fetch-site": "same-origin" };
  assert.equal((await one.ask("GET", "/admin/api/stats", { headers: own })).status, 200);
  const link = { "sec-fetch-site": "cross-site", "sec-fetch-dest": "document" };
  assert.equal((await one.ask("GET", "/admin/api/docs", { headers: link, token: null })).status, 200);
});

test("metrics are free to this machine and need the token from elsewhere or through a proxy", async () => {
  const one = desk();
  const ask = (peer: string, headers = {}, token: string | null = null) =>
    one.ask("GET", "/metrics", { peer, headers, token });
  for (const peer of ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"]) {
    const answer = await ask(peer);
    assert.equal(answer.status, 200, peer);
    assert.equal(await answer.text(), "askonce_up 1\n");
  }
  for (const peer of ["192.168.1.2", "::ffff:10.0.0.1", "-", "1271.0.0.1"])
    assert.equal((await ask(peer)).status, 401, peer);
  for (const name of ["x-forwarded-for", "forwarded", "x-real-ip", "via"]) {
    assert.equal((await ask("127.0.0.1", { [name]: "127.0.0.1" })).status, 401, name);
  }
  assert.equal((await ask("192.168.1.2", {}, TOKEN)).status, 200);
  assert.equal((await one.ask("POST", "/metrics", { body: {} })).status, 405);
});

test("a change without Content-Type: application/json is a 415, a form's type above all", async () => {
  const one = desk();
  const key = one.add(1);
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "application/jsonx",
    "",
  ]) {
    for (const [method, path] of [
      ["POST", "/admin/api/purge"],
      ["POST", "/admin/api/forget"],
      ["POST", "/admin/api/token"],
      ["POST", "/admin/api/import"],
      ["PATCH", "/admin/api/config"],
      ["PATCH", `/admin/api/entries/${key}`],
    ] as const) {
      const answer = await one.ask(method, path, { headers: { "content-type": type }, body: '{"all":true}' });
      assert.equal(answer.status, 415, `${method} ${path} ${type}`);
    }
  }
  const charset = { "content-type": "Application/JSON; charset=utf-8" };
  assert.equal((await one.ask("POST", "/admin/api/forget", { headers: charset, body: "{}" })).status, 200);
});

test("a token is one line in a file for its owner only, and another process's or a removed file counts at once", async () => {
  const folder = join(temporaryFolder(), "data");
  const reports: string[] = [];
  const token = keptToken({ folder, files, report: (message) => void reports.push(message) });
  const other = keptToken({ folder, files, report: () => {} });
  const first = await token.current();
  assert.match(first, /^ao_[A-Za-z0-9_-]{43}$/);
  assert.equal(await readFile(join(folder, "admin-token"), "utf8"), `${first}\n`);
  assert.equal((await stat(join(folder, "admin-token"))).mode & 0o777, 0o600);
  assert.equal(await other.current(), first);
  const second = await other.rotate();
  assert.notEqual(second, first);
  assert.deepEqual([await token.accepts(first), await token.accepts(second)], [false, true]);
  assert.equal((await stat(join(folder, "admin-token"))).mode & 0o777, 0o600);
  await files.remove(join(folder, "admin-token"));
  assert.equal(await token.accepts(second), false);
  assert.notEqual(await other.current(), second);
  assert.deepEqual(await readdir(folder), ["admin-token"]);
  assert.deepEqual(reports, []);
});

test("a token file that holds no token or cannot be read lets nobody in, not even with what it holds, and is told once", async () => {
  const folder = temporaryFolder();
  const reports: string[] = [];
  const token = keptToken({ folder, files, report: (message) => void reports.push(message) });
  for (const text of [
    "",
    "\n",
    "short\n",
    "two words that are long enough\n",
    "one-line-of-a-token\nand another\n",
  ]) {
    await writeFile(join(folder, "admin-token"), text);
    assert.equal(await token.accepts(text.trim()), false, JSON.stringify(text));
    assert.equal(await token.accepts(""), false);
  }
  assert.equal(reports.length, 1);
  assert.match(reports[0]!, /admin-token holds no token/);
  const denied = {
    ...files,
    readText: () => Promise.reject(Object.assign(new Error("no"), { code: "EACCES" })),
  };
  const blind = keptToken({ folder, files: denied, report: (message) => void reports.push(message) });
  assert.equal(await blind.accepts("one-line-of-a-token"), false);
  assert.match(reports[1]!, /EACCES/);
  for (const report of reports) assert.ok(!report.includes(await blind.current()));
});
