import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import type { AdminBindings } from "../../src/admin/admin.ts";
import { createApp } from "../../src/app.ts";
import type { Near } from "../../src/requests/kept.ts";
import { type Journey, journey, json } from "../support/journey.ts";

const asking = (content: string) => ({ model: "m", messages: [{ role: "user", content }] });

function near(run: Journey, differences: Near["differences"]): void {
  run.nearest = async () => [
    { key: run.kept[0]?.key ?? "", storedAt: 0, namespace: "", model: "m", same: 0.9, differences, more: 0 },
  ];
}

async function line(run: Journey, options: { body?: unknown; headers?: Record<string, string> } = {}) {
  const headers = { "x-cache-explain": "1", ...options.headers };
  const response = await run.ask({ body: options.body ?? asking("Hello"), headers });
  await response.text();
  await run.parts.flights.settled();
  return response.headers.get("x-cache-explain");
}

test("X-Cache-Explain says in one line why an answer came as it did", async () => {
  const run = journey({ flags: [["--ttl", "4h"]] });
  assert.equal(await line(run), "miss: nothing near is stored");
  near(run, [{ path: "messages[0].content", asked: '"Hallo"', stored: '"Hello"' }]);
  const digits = run.kept[0]?.key.slice(0, 6);
  assert.equal(
    await line(run, { body: asking("Hallo") }),
    `miss: differs from ${digits}... at messages[0].content`,
  );
  assert.equal(await line(run), "hit");
  assert.equal(
    await line(run, { headers: { "cache-control": "no-cache" } }),
    "miss: a fresh answer was asked for",
  );
  assert.equal(await line(run, { headers: { "cache-control": "no-store" } }), "bypass: no-store");
  run.advance(6 * 3600_000);
  assert.equal(await line(run), "stale: 2 h past its TTL of 4 h");
  run.advance(12 * 3600_000);
  assert.equal(await line(run), "expired: 8 h past its TTL of 4 h");
  run.provider = () => json("{}", { status: 500 });
  run.advance(12 * 3600_000);
  assert.equal(await line(run), "stale: the provider failed, 8 h past its TTL of 4 h");
});

test("nothing is explained unasked, the control reaches no provider, and a malformed one is a 400", async () => {
  const run = journey();
  run.provider = (_url, { headers }) => {
    assert.equal(headers.get("x-cache-explain"), null);
    return json("{}", { status: 500 });
  };
  assert.equal((await run.ask()).headers.get("x-cache-explain"), null);
  await run.ask({ headers: { "x-cache-explain": "1" } });
  assert.equal((await run.ask({ headers: { "x-cache-explain": "0" } })).headers.get("x-cache-explain"), null);
  assert.equal((await run.ask({ headers: { "x-cache-explain": "why" } })).status, 400);
});

test("an explanation in letters beyond ASCII fits into a header of 300", async () => {
  const run = journey();
  await line(run);
  near(run, [{ path: `tools[0].${"größe".repeat(100)}`, asked: "1", stored: "2" }]);
  const said = (await line(run, { body: asking("x") })) ?? "";
  assert.match(said, /^miss: differs from [0-9a-f]{6}\.\.\. at tools\[0\]\.gr\\u00f6\\u00dfe/);
  assert.equal(said.length, 300);
});

test("an archive that is silent delays an answer by its patience and no longer", async () => {
  const run = journey();
  run.nearest = () => new Promise(() => {});
  assert.equal(await line(run), "miss");
});

test("a replay miss names what differs from the nearest stored request, without a key in its message", async () => {
  const run = journey();
  await line(run);
  near(run, [
    { path: "messages[0].content", asked: '"Hallo"', stored: '"Hello"' },
    { path: "temperature", asked: "1", stored: undefined },
  ]);
  const headers = { "x-cache-mode": "replay" };
  const response = await run.ask({ body: asking("Hallo"), headers });
  assert.equal(response.status, 424);
  const { error } = (await response.json()) as { error: { message: string } };
  assert.match(
    error.message,
    /the nearest stored one differs at messages\[0\]\.content: "Hallo" here, "Hello" there \(and 1 more\)/,
  );
  assert.doesNotMatch(error.message, /[0-9a-f]{6}/);
});

test("nobody hears of what lies in another credential's pool", async () => {
  const run = journey({ flags: [["--scope", "credential"]] });
  await line(run);
  near(run, [{ path: "messages[0].content", asked: '"Hallo"', stored: '"Hello"' }]);
  const other = { authorization: "Bearer sk-2" };
  assert.equal(await line(run, { body: asking("Hallo"), headers: other }), "miss: nothing near is stored");
  const response = await run.ask({ body: asking("Halo"), headers: { ...other, "x-cache-mode": "replay" } });
  assert.doesNotMatch(await response.text(), /nearest|Hello/);
  assert.match((await line(run, { body: asking("Hola") })) ?? "", /^miss: differs from/);
});

test("pages may send the control and read what it says", async () => {
  const run = journey();
  const app = createApp({
    proxy: run.parts,
    ownName: "",
    version: "0",
    draining: () => false,
    adminServed: () => false,
    admin: new Hono<AdminBindings>(),
    token: { accepts: async () => false, rotate: async () => "" },
  });
  const headers = {
    origin: "http://localhost:3000",
    "access-control-request-method": "POST",
    host: "localhost",
  };
  const response = await app.fetch(
    new Request("http://localhost/openai/v1/models", { method: "OPTIONS", headers }),
    {
      peer: { address: "-" },
    },
  );
  for (const name of ["access-control-allow-headers", "access-control-expose-headers"]) {
    assert.match(response.headers.get(name) ?? "", /X-Cache-Explain/, name);
  }
});
