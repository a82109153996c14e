import assert from "node:assert/strict";
import { test } from "node:test";
import { asCacheKey } from "../../src/cache/entry.ts";
import { StoreFault } from "../../src/errors.ts";
import { explainer } from "../../src/proxy/explain.ts";
import type { Described, Explained, Near, NewRequest } from "../../src/requests/kept.ts";
import { openaiAnswer } from "../support/embeddings.ts";
import { CHAT, type Journey, journey, json } from "../support/journey.ts";

const KEY = { authorization: "Bearer sk-1" };
const ASKED = { model: "m", messages: [{ role: "user", content: "Hello" }] };

function described(more: Partial<Described> & { ask?: unknown } = {}): Described {
  const { ask = ASKED, ...rest } = more;
  const text = typeof ask === "string" ? ask : JSON.stringify(ask);
  const headers = { "content-type": "application/json", ...KEY };
  return { method: "POST", path: CHAT, headers, body: new TextEncoder().encode(text), ...rest };
}

const explain = (run: Journey, more?: Parameters<typeof described>[0]): Promise<Explained> =>
  explainer(run.parts).explain(described(more));

async function say(run: Journey, body: unknown = ASKED, headers = {}, path = CHAT): Promise<Response> {
  const response = await run.ask({ path, body, headers });
  await response.clone().text();
  await run.parts.flights.settled();
  return response;
}

const part = ({ keyParts }: Explained, name: string) =>
  keyParts.find((one) => one.name === name)?.value ?? assert.fail(`no part ${name}`);

test("what explain foretells is what comes: HIT, MISS, STALE, EXPIRED and BYPASS, under the same key", async () => {
  const run = journey({ flags: [["--ttl", "4h"]] });
  const foretold = await explain(run);
  assert.equal(foretold.would, "MISS");
  assert.equal(foretold.why, "There is no entry under this key.");
  const miss = await say(run);
  assert.equal(miss.headers.get("x-cache-key"), foretold.key);
  run.advance(3600_000);
  const hit = await explain(run);
  assert.deepEqual([hit.would, hit.stored?.ageMs, hit.stored?.leftMs], ["HIT", 3600_000, 3 * 3600_000]);
  assert.match(hit.why, /1 h ago.*good for 3 h more/);
  run.advance(6 * 3600_000);
  const stale = await explain(run);
  assert.equal(stale.would, "STALE");
  assert.match(stale.why, /The entry is 3 h past its TTL of 4 h: it is served while one refresh runs/);
  run.advance(2 * 3600_000);
  const expired = await explain(run);
  assert.match(`${expired.would} ${expired.why}`, /^EXPIRED The entry is 5 h past its TTL of 4 h, too long/);
  assert.equal((await say(run)).headers.get("x-cache-status"), "EXPIRED");
  const bypass = await explain(run, { headers: { ...KEY, "cache-control": "no-store" } });
  assert.deepEqual([bypass.would, bypass.detail, bypass.key], ["BYPASS", "no-store", undefined]);
});

test("explaining changes nothing: no call, no sample taken, nothing told, kept or refreshed", async () => {
  const run = journey({ flags: [["--ttl", "1h"]] });
  await say(run);
  run.advance(90 * 60_000);
  const before = [run.calls, run.events.length, run.kept.length];
  const auto = { ...KEY, "x-cache-sample": "auto" };
  for (const _ of [1, 2]) assert.equal(part(await explain(run, { headers: auto }), "sample"), "0");
  assert.equal((await explain(run)).would, "STALE");
  await run.parts.flights.settled();
  assert.deepEqual([run.calls, run.events.length, run.kept.length], before);
  await say(run, ASKED, { "x-cache-sample": "auto" });
  assert.equal(part(await explain(run, { headers: auto }), "sample"), "1");
});

test("a request of the provider's state says which member asks for it", async () => {
  const run = journey();
  const path = "/openai/v1/responses";
  const said = await explain(run, { path, ask: { model: "m", input: "x", conversation: "conv_1" } });
  assert.deepEqual([said.would, said.detail], ["BYPASS", "conversation"]);
  assert.match(said.why, /^This request asks the provider to keep or use state: conversation \(member conv/);
  const live = await explain(run, { ask: { ...ASKED, web_search_options: { a: 1 } } });
  assert.match(live.why, /^Its answer depends on when it is asked: web-search/);
});

test("the key's parts are readable, and no credential is among them or anywhere else", async () => {
  const run = journey({ flags: [["--scope", "credential"]] });
  const said = await explain(run, {
    path: "/@exp;sample=3/google/v1beta/models/m:generateContent?key=AIzaSECRETSECRETSECRET&alt=json",
    headers: { "x-goog-api-key": "AIzaSECRETSECRETSECRET" },
    ask: { contents: [], tools: [{ server: { authorization: "tok-secret", note: 'a\\"b' } }] },
  });
  assert.deepEqual(
    said.keyParts.map(({ name }) => name),
    ["key version", "pool", "namespace", "sample", "provider", "path", "query", "headers", "body"],
  );
  assert.match(part(said, "pool"), /^credential [0-9a-f]{12}$/);
  assert.deepEqual([part(said, "namespace"), part(said, "sample")], ["exp", "3"]);
  assert.equal(part(said, "query"), "?alt=json");
  assert.match(said.canonical ?? "", /"authorization":"\*\*\*","note"/);
  assert.doesNotMatch(JSON.stringify(said), /secret/i);
  assert.deepEqual(
    said.leftOut.filter(({ where }) => where === "query"),
    [{ where: "query", name: "key", reason: "credential" }],
  );
});

test("what does not count is named with its reason", async () => {
  const run = journey({
    flags: [
      ["--key-mask", "dates"],
      ["--key-ignore", "nonce"],
    ],
  });
  const content = "On 2026-01-02 and 2026-01-03";
  const said = await explain(run, {
    headers: {
      ...KEY,
      "content-type": "application/json",
      "user-agent": "OpenAI/Python",
      "x-stainless-lang": "js",
      traceparent: "00-1",
      "x-cache-ttl": "1h",
      "openai-organization": "org",
      "openai-beta": "b",
    },
    ask: { model: "m", user: "u", nonce: 1, messages: [{ role: "user", content }] },
  });
  const found = Object.fromEntries(
    said.leftOut.map(({ where, name, reason }) => [`${where} ${name}`, reason]),
  );
  assert.equal(found["body user"], "names the caller's end user, for abuse reports");
  assert.equal(found["body nonce"], "setting key.ignore");
  assert.equal(found["text messages[0].content"], "setting key.mask leaves out 2 parts of it");
  assert.match(found["header user-agent"] ?? "", /telemetry/);
  assert.match(found["header x-stainless-lang"] ?? "", /telemetry/);
  assert.equal(found["header traceparent"], "trace id");
  assert.equal(found["header x-cache-ttl"], "a control of askonce's");
  assert.match(found["header authorization"] ?? "", /credential/);
  assert.match(found["header openai-organization"] ?? "", /account/);
  assert.equal(found["header openai-beta"], undefined);
  assert.equal(part(said, "headers"), "openai-beta: b");
  assert.match(said.canonical ?? "", /On … and …/);
});

test("a miss is compared with what is stored, a hit is not, and an archive that is not there costs nothing", async () => {
  const run = journey();
  const asked: NewRequest[] = [];
  const near = { key: "a".repeat(64), differences: [], more: 0 } as unknown as Near;
  run.nearest = async (request) => {
    asked.push(request);
    return [near];
  };
  const missed = await explain(run);
  assert.deepEqual(missed.nearest, [near]);
  const { head, body } = asked[0] ?? assert.fail("the archive was not asked");
  assert.deepEqual([head.endpoint, head.model, head.namespace], ["chat", "m", ""]);
  assert.deepEqual(JSON.parse(new TextDecoder().decode(body)), ASKED);
  run.nearest = () => Promise.reject(new StoreFault("gone"));
  assert.deepEqual((await explain(run)).nearest, []);
  assert.deepEqual(run.reports, []);
  await say(run);
  assert.deepEqual([(await explain(run)).nearest, asked.length], [[], 1]);
});

test("embeddings are explained by their inputs", async () => {
  const path = "/openai/v1/embeddings";
  const run = journey({
    provider: (_url, { body }) =>
      json(JSON.stringify(openaiAnswer(JSON.parse(new TextDecoder().decode(body as Uint8Array))))),
  });
  await say(run, { model: "m", input: ["a", "b"] }, {}, path);
  const would = async (input: unknown) => {
    const said = await explain(run, { path, ask: { model: "m", input } });
    return `${said.would} ${said.why}`;
  };
  assert.match(await would(["b", "a"]), /^HIT Each of its 2 different inputs is stored/);
  assert.match(await would(["b", "c", "d"]), /^PARTIAL Of its 3 different inputs 1 are stored/);
  assert.match(await would(["c"]), /^MISS/);
});

test("errors that would come are named by their code", async () => {
  const run = journey();
  const would = async (more: Parameters<typeof described>[0]) => (await explain(run, more)).would;
  assert.equal(await would({ path: "/nobody/v1/x" }), "unknown_provider");
  assert.equal(await would({ headers: { "x-cache-ttl": "soon" } }), "invalid_control");
  assert.equal(await would({ headers: { "a b": "c" } }), "invalid_request");
  assert.equal(await would({ method: "CONNECT" }), "invalid_request");
  assert.equal(await would({ headers: { ...KEY, "x-cache-mode": "replay" } }), "replay_miss");
  assert.equal(
    await would({ headers: { ...KEY, "cache-control": "only-if-cached" } }),
    "only_if_cached_miss",
  );
  assert.equal(await would({ method: "GET", path: "/openai/v1/files" }), "BYPASS");
});

test("under scope verified and credential a description without a credential says so", async () => {
  const run = journey({ flags: [["--scope", "verified"]] });
  assert.match((await explain(run)).why, /yet to be accepted by the provider here/);
  assert.match(
    (await explain(run, { headers: {} })).why,
    /Under scope verified a request without a credential/,
  );
  const shared = journey();
  const own = await explain(shared, {
    path: "/openai/v1/responses",
    headers: {},
    ask: { model: "m", input: "x" },
  });
  assert.match(own.why, /stay in the pool of the credential that asked, and this description carries none/);
  assert.equal(part(own, "pool"), "credential (none)");
});

test("under scope credential a stored entry is explained as its own credential would get it", async () => {
  const run = journey({ flags: [["--scope", "credential"]] });
  const key = (await say(run, ASKED, KEY)).headers.get("x-cache-key") ?? assert.fail("not cacheable");
  const pool = run.parts.store.get(asCacheKey(key)!)?.facts.pool ?? assert.fail("not stored");
  const own = await explain(run, { headers: { "content-type": "application/json" }, pool });
  assert.deepEqual([own.would, own.key], ["HIT", key]);
});

test("the same request of another credential differs by its pool, which is named by its label alone", async () => {
  const run = journey({ flags: [["--scope", "credential"]] });
  const key = (await say(run, ASKED, KEY)).headers.get("x-cache-key") ?? assert.fail("not cacheable");
  const pool = run.parts.store.get(asCacheKey(key)!)?.facts.pool ?? assert.fail("not stored");
  run.nearest = async () => [{ key, differences: [], more: 0 } as unknown as Near];
  const headers = { "content-type": "application/json", authorization: "Bearer sk-2" };
  const other = await explain(run, { headers });
  assert.deepEqual(other.nearest[0]?.differences, [
    { path: "pool", asked: part(other, "pool"), stored: `credential ${pool.slice(0, 12)}` },
  ]);
});
