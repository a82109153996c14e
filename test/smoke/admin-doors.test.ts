import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ADMIN, Admin, adminToken, refusal } from "../support/admin-client.ts";
import { openai } from "../support/answers.ts";
import { ask, post, type RawAnswer, RawConnection, requestBytes } from "../support/raw.ts";
import { fresh, inParallel, session } from "../support/session.ts";

const run = session({ names: ["openai"] });
const admin = new Admin(() => run.server);
const KEY = "0".repeat(64);
const OPEN = new Set([`${ADMIN}/docs`, `${ADMIN}/openapi.json`]);

type Route = readonly [method: string, path: string];

/** Every route that the API's own description knows, and some that nobody knows. */
async function routes(): Promise<Route[]> {
  const answer = await ask(run.port, { method: "GET", path: `${ADMIN}/openapi.json` });
  assert.equal(answer.status, 200);
  const { openapi, paths } = answer.json as { openapi: string; paths: Record<string, object> };
  assert.match(openapi, /^3\.1\./);
  const known = Object.entries(paths).flatMap(([template, methods]) => {
    const path = template.replace(/\{[^}]*\}/g, KEY);
    const whole = path.startsWith("/admin") || path === "/metrics" ? path : `${ADMIN}${path}`;
    return Object.keys(methods)
      .filter((method) => /^(get|post|put|patch|delete|head|options)$/.test(method))
      .map((method): Route => [method.toUpperCase(), whole]);
  });
  const guarded = known.filter(([, path]) => path.startsWith(ADMIN) && !OPEN.has(path));
  for (const path of ["/stats", "/entries", "/export", "/config", "/events", `/entries/${KEY}/body`])
    assert.ok(
      guarded.some((route) => route.join(" ") === `GET ${ADMIN}${path}`),
      `${path} is described`,
    );
  for (const path of ["/purge", "/import", "/explain"])
    assert.ok(
      guarded.some((route) => route.join(" ") === `POST ${ADMIN}${path}`),
      `${path} is described`,
    );
  const made: Route[] = [
    "",
    "/",
    "/nothing",
    "/stats/",
    "/stats/x",
    "/docs/x",
    "/openapi.json/x",
    "/../api/stats",
  ].flatMap((path) => ["GET", "POST", "DELETE"].map((method): Route => [method, `${ADMIN}${path}`]));
  const odd: Route[] = ["HEAD", "OPTIONS", "TRACE", "PUT", "PATCH"].map((method) => [
    method,
    `${ADMIN}/stats`,
  ]);
  return [...guarded, ...made, ...odd, ["GET", `${ADMIN}/docs%2f..%2fstats`]];
}

async function knock([method, path]: Route, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const connection = await RawConnection.open(run.port);
  connection.method = method;
  const body = method === "POST" || method === "PATCH" ? "not even JSON" : undefined;
  await connection.write(requestBytes(run.port, { method, path, headers, ...(body ? { body } : {}) }));
  const answer = await connection.answer(5000);
  connection.destroy();
  return answer;
}

/** A refusal that says nothing of what is there. */
function assertShut(answer: RawAnswer, [method, path]: Route, about: string): void {
  const where = `${about}: ${method} ${path}`;
  assert.deepEqual(
    [answer.status, answer.ending],
    [401, "complete"],
    `${where} ${answer.text.slice(0, 200)}`,
  );
  assert.match(answer.header("www-authenticate") ?? "none", /^Bearer\b/, where);
  assert.equal(answer.header("access-control-allow-origin"), undefined, where);
  assert.equal(answer.header("allow"), undefined, where);
  if (method === "HEAD") return;
  assert.equal(answer.json.error.code, "unauthorized", where);
  assert.ok(answer.text.length < 400 && !answer.text.includes(KEY), where);
}

test("the token is one line of a file that only its owner reads", () => {
  const path = join(run.server.data, "admin-token");
  assert.match(readFileSync(path, "utf8"), /^[!-~]{32,}\n$/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("every route but the docs is a 401 that says nothing: without, with a wrong and with an old token", async () => {
  const all = await routes();
  assert.ok(all.length > 40, `${all.length} routes`);
  const old = adminToken(run.server);
  const rotated = await admin.call("POST", "/token", { body: {} });
  assert.equal(rotated.status, 200, rotated.text);
  const token = adminToken(run.server);
  assert.notEqual(token, old);
  assert.equal(rotated.json.token, token);
  assert.equal((await knock(["GET", `${ADMIN}/stats`], { Authorization: `Bearer ${token}` })).status, 200);
  const bodies = new Set<string>();
  for (const [about, headers] of [
    ["without", {}],
    ["wrong", { Authorization: "Bearer wrong" }],
    ["old", { Authorization: `Bearer ${old}` }],
  ] as const) {
    await inParallel(all.length, 8, async (i) => {
      const route = all[i] as Route;
      const answer = await knock(route, headers);
      assertShut(answer, route, about);
      if (route[0] !== "HEAD") bodies.add(answer.text);
    });
  }
  assert.equal(bodies.size, 1, "one answer to all that are not let in");
  assert.equal((await admin.json("/stats")).total.requests, 0);
});

test("what looks like the token, or comes another way than as a bearer, lets nobody in", async () => {
  const token = adminToken(run.server);
  const stats: Route = ["GET", `${ADMIN}/stats`];
  const wrong: [string, Record<string, string>, Route?][] = [
    ["empty", { Authorization: "Bearer " }],
    ["no scheme", { Authorization: token }],
    ["Basic", { Authorization: `Basic ${btoa(`:${token}`)}` }],
    ["longer", { Authorization: `Bearer ${token}x` }],
    ["shorter", { Authorization: `Bearer ${token.slice(0, -1)}` }],
    ["another end", { Authorization: `Bearer ${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}` }],
    [
      "swapped case",
      {
        Authorization: `Bearer ${token.toUpperCase() === token ? token.toLowerCase() : token.toUpperCase()}`,
      },
    ],
    ["twice", { Authorization: `Bearer ${token}, Bearer ${token}` }],
    ["as a key", { "x-api-key": token }],
    ["as a cookie", { Cookie: `token=${token}; admin-token=${token}` }],
    ["in the query", {}, ["GET", `${ADMIN}/stats?token=${token}&access_token=${token}&key=${token}`]],
    ["very long", { Authorization: `Bearer ${"a".repeat(8000)}` }],
    ["of another askonce", { Authorization: `Bearer ${token.split("").toReversed().join("")}` }],
    ["undefined", { Authorization: "Bearer undefined" }],
  ];
  for (const [about, headers, route = stats] of wrong) assertShut(await knock(route, headers), route, about);
  // Roads around the door lead nowhere.
  for (const path of [
    ...["//admin/api/stats", "/ADMIN/api/stats", "/admin%2Fapi/stats", "/openai/../admin/api/stats"],
    ...["/@x/admin/api/stats", "/openai/admin/api/stats", "/admin/api;x=1/stats", "/./admin/./api/stats"],
  ]) {
    const answer = await knock(["GET", path]);
    assert.ok(!answer.text.includes("saved_usd"), path);
  }
});

test("no page of another origin can read or post, with the token or without, nor through another name", async () => {
  const body = openai.request(fresh(), false);
  const kept = await post(run.port, openai.path, { body });
  const { Authorization = "" } = admin.bearer;
  const all = JSON.stringify({ all: true });
  const own = `http://127.0.0.1:${run.port}`;
  for (const origin of [
    "https://evil.example",
    "null",
    "http://localhost:1",
    "http://127.0.0.1:1",
    `${own}.evil.example`,
  ]) {
    for (const headers of [{ Origin: origin }, { Origin: origin, Authorization }]) {
      for (const [method, path] of [
        ["GET", "/entries"],
        ["POST", "/purge"],
        ["GET", "/events"],
      ] as const) {
        const answer = await ask(run.port, {
          ...{ method, path: `${ADMIN}${path}`, headers, timeoutMs: 3000 },
          ...(method === "POST" ? { body: all } : {}),
        });
        assert.ok([401, 403].includes(answer.status), `${origin} ${method} ${path}: ${answer.status}`);
        assert.deepEqual(
          answer.headers.filter(([name]) => /^access-control-/i.test(name)),
          [],
        );
      }
    }
    const preflight = await ask(run.port, {
      ...{ method: "OPTIONS", path: `${ADMIN}/purge` },
      headers: {
        ...{ Origin: origin, "Access-Control-Request-Method": "POST" },
        "Access-Control-Request-Headers": "authorization, content-type",
      },
    });
    assert.ok(preflight.status >= 400, `${origin}: ${preflight.status}`);
    assert.deepEqual(
      preflight.headers.filter(([name]) => /^access-control-/i.test(name)),
      [],
    );
  }
  for (const path of [`${ADMIN}/entries`, `${ADMIN}/openapi.json`, `${ADMIN}/docs`, "/metrics"]) {
    const rebound = await ask(run.port, {
      method: "GET",
      path,
      headers: { Host: "evil.example", Authorization },
    });
    assert.equal(rebound.status, 421, path);
  }
  const site = { Authorization, "Sec-Fetch-Site": "cross-site" };
  assert.equal(
    (await ask(run.port, { method: "POST", path: `${ADMIN}/purge`, headers: site, body: all })).status,
    403,
  );
  // What a form can post without a preflight, even with the token.
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
  ]) {
    const headers = { Authorization, "Content-Type": type };
    for (const path of ["/purge", "/import", "/explain"]) {
      const answer = await ask(run.port, { path: `${ADMIN}${path}`, headers, body: all });
      refusal(answer, 415, `${path} as ${type}`);
    }
  }
  assert.deepEqual(await admin.keys(), [kept.header("x-cache-key")], "nothing was purged");
  // One's own page may.
  const mine = await ask(run.port, {
    method: "GET",
    path: `${ADMIN}/entries`,
    headers: { Origin: own, Authorization },
  });
  assert.equal(mine.status, 200);
});

test("docs and description are open, load nothing from elsewhere and hold no data", async () => {
  for (const path of OPEN) {
    const answer = await ask(run.port, { method: "GET", path });
    assert.equal(answer.status, 200);
    assert.ok(!answer.text.includes(adminToken(run.server)));
    assert.ok(!answer.text.includes(run.server.data));
  }
  const page = await ask(run.port, { method: "GET", path: `${ADMIN}/docs` });
  assert.match(page.header("content-type") ?? "", /^text\/html/);
  assert.doesNotMatch(page.text, /(?:src|href)=["']?(?:https?:)?\/\/|@import|url\(/i);
  assert.match(page.header("content-security-policy") ?? "none", /default-src 'none'/);
});

test("requests that say nothing to the API are 4xx in its own words", async () => {
  const bad: [string, string, unknown?][] = [
    ["GET", "/nothing"],
    ["GET", "/stats?since=yesterday"],
    ["GET", "/stats?by=colour"],
    ["GET", "/entries/xyz"],
    ["GET", `/entries/${KEY}`],
    ["GET", `/entries/${KEY}/body`],
    ["DELETE", `/entries/${KEY}`],
    ["PATCH", `/entries/${KEY}`, { pinned: true }],
    ["PATCH", `/entries/${KEY}`, { pinned: "yes" }],
    ["PATCH", `/entries/${KEY}`, { ttl: "soon" }],
    ["PUT", "/stats", {}],
    ["POST", "/purge", {}],
    ["POST", "/purge", { dry_run: true }],
    ["POST", "/purge", { provider: 7 }],
    ["POST", "/purge", { older_than: "soon" }],
    ["POST", "/purge", { keys: ["xyz"] }],
    ["POST", "/purge", { provder: "openai" }],
    ["POST", "/purge", { all: false }],
    ["POST", "/purge", "{"],
    ["POST", "/purge", "[]"],
    ["PATCH", "/config", { scope: "shared" }],
    ["PATCH", "/config", { mode: "fast" }],
    ["PATCH", "/config", { ttl: "soon" }],
    ["PATCH", "/config", { __proto__: null, constructor: 1 }],
  ];
  await inParallel(bad.length, 4, async (i) => {
    const [method, path, body] = bad[i] as [string, string, unknown?];
    const answer = await admin.call(method, path, body === undefined ? {} : { body });
    const about = `${method} ${path} ${JSON.stringify(body)}`;
    assert.ok(answer.status >= 400 && answer.status < 500, `${about}: ${answer.status} ${answer.text}`);
    refusal(answer, answer.status, about);
  });
  assert.equal((await admin.keys()).length, 1);
});

test("mode and ttl change at run time for later requests, are said to the operator, and end with the process", async () => {
  const body = openai.request(fresh(), false);
  await admin.call("PATCH", "/config", { body: { mode: "replay" } });
  const missed = await post(run.port, openai.path, { body });
  assert.deepEqual([missed.status, missed.json.error.code], [424, "replay_miss"]);
  assert.equal((await admin.call("PATCH", "/config", { body: { mode: "cache", ttl: "1h" } })).status, 200);
  await post(run.port, openai.path, { body });
  const hit = await post(run.port, openai.path, { body });
  assert.equal(hit.cache, "HIT");
  assert.match(hit.header("cache-status") ?? "", /ttl=3[56]\d\d\b/);
  await run.server.printed(({ stderr }) => /mode.*replay/.test(stderr) && /ttl.*1h/.test(stderr), 2000);
});
