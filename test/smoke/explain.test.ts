import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin, refusal } from "../support/admin-client.ts";
import { openai } from "../support/answers.ts";
import { ask, post } from "../support/raw.ts";
import { eventually, fresh, session } from "../support/session.ts";

const run = session({ names: ["openai", "anthropic"] });
const admin = new Admin(() => run.server);
const JSON_TYPE = { "content-type": "application/json" };

interface Request {
  readonly path: string;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

interface Difference {
  readonly path: string;
  readonly asked: string | null;
  readonly stored: string | null;
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects and fails where it is not there
function explained(request: Request, more: { method?: string } = {}): Promise<any> {
  const { path, headers = {}, body } = request;
  return admin.post("/explain", {
    method: "POST",
    path,
    headers: { ...JSON_TYPE, ...headers },
    body,
    ...more,
  });
}

async function really({ path, headers = {}, body }: Request) {
  const answer = await post(run.port, path, { body, headers });
  assert.equal(answer.status, 200, answer.text.slice(0, 300));
  return answer;
}

/** Stores the answer to a request and tells its key, once it can be compared with others. */
async function stored(request: Request): Promise<string> {
  const key = (await really(request)).header("x-cache-key") ?? assert.fail("no key");
  await eventually(async () => {
    const { nearest } = await explained({
      ...request,
      headers: { ...request.headers, "X-Cache-Sample": "77" },
    });
    assert.equal(nearest[0]?.key, key);
  }, 1000);
  return key;
}

/** What is said to differ from the nearest stored request, which must be this one. */
async function differences(request: Request, key: string): Promise<Difference[]> {
  const { would, nearest, key: own } = await explained(request);
  assert.equal(would, "MISS");
  assert.notEqual(own, key);
  assert.equal(nearest[0]?.key, key, "the nearest one");
  return nearest[0].differences;
}

const weather = (unit: unknown) => ({
  type: "function",
  function: {
    name: "weather",
    parameters: {
      type: "object",
      properties: { place: { type: "object", properties: { unit } }, days: { type: "integer" } },
    },
  },
});

/** An agent's request, of which one thing at a time will be another. */
function agent(about: string) {
  return {
    model: "m-1",
    temperature: 0.2,
    messages: [
      { role: "system", content: `You are ${about}.` },
      { role: "user", content: "How is the weather?" },
      { role: "assistant", content: "Where?" },
      { role: "user", content: [{ type: "text", text: "In Vienna, where the river runs." }] },
    ],
    tools: [weather({ type: "string" }), { type: "function", function: { name: "other", parameters: {} } }],
  };
}

test("explain names what differs from the nearest stored request: one field at a time, and nothing else", async () => {
  const about = fresh("agent");
  const base = agent(about);
  const path = openai.path;
  // Others of the same kind that are farther away.
  for (const other of ["x", "y"]) await really({ path, body: { ...agent(fresh(other)), temperature: 1 } });
  const key = await stored({ path, body: base });
  const only = async (body: unknown, more: Partial<Request> = {}) => {
    const all = await differences({ path, body, ...more }, key);
    assert.equal(all.length, 1, JSON.stringify(all));
    return all[0] as Difference;
  };

  const warmer = await only({ ...base, temperature: 0.7 });
  assert.deepEqual([warmer.path, warmer.asked, warmer.stored], ["temperature", "0.7", "0.2"]);
  assert.equal((await only({ ...base, temperature: undefined })).path, "temperature");
  assert.equal((await only({ ...base, top_p: 0.5 })).path, "top_p");
  assert.equal((await only({ ...base, temperature: 0.5 })).path, "temperature");
  const longer = [...base.messages, { role: "user", content: "Please." }];
  const added = await only({ ...base, messages: longer });
  assert.equal(added.path, "messages[4]");
  assert.match(added.asked ?? "", /Please\./);
  assert.equal(added.stored ?? null, null);
  assert.equal((await only({ ...base, messages: base.messages.slice(0, 3) })).path, "messages[3]");
  const edited = structuredClone(base);
  (edited.messages[1] as { content: string }).content = "How was the weather?";
  const word = await only(edited);
  assert.equal(word.path, "messages[1].content");
  assert.match(word.asked ?? "", /How was/);
  assert.match(word.stored ?? "", /How is/);
  const deep = await only({ ...base, tools: [weather({ type: "number" }), base.tools[1]] });
  const place = "tools[0].function.parameters.properties.place.properties.unit.type";
  assert.deepEqual([deep.path, deep.asked, deep.stored].map(unquoted), [place, "number", "string"]);
  assert.match((await only({ ...base, tools: base.tools.slice(0, 1) })).path, /^tools\[1\]/);

  const named = await only(base, { path: `/@other-ns${path}` });
  assert.deepEqual(
    [named.path, unquoted(named.asked), unquoted(named.stored ?? "")],
    ["namespace", "other-ns", ""],
  );
  assert.equal((await only(base, { headers: { "X-Cache-Namespace": "other-ns" } })).path, "namespace");
  const sample = await only(base, { headers: { "X-Cache-Sample": "3" } });
  assert.deepEqual([sample.path, sample.asked], ["sample", "3"]);
  assert.match((await only(base, { headers: { "openai-beta": "x=1" } })).path, /openai-beta/i);
  assert.match((await only(base, { path: `${path}?api-version=2` })).path, /api-version/);
});

const unquoted = (text: string | null) => (text ?? "").replace(/^"|"$/g, "");

test("explain names another anthropic-beta, with both values", async () => {
  const request = {
    path: "/anthropic/v1/messages",
    headers: { "anthropic-version": "2023-06-01", "anthropic-beta": "first-2025" },
    body: { model: "m-1", max_tokens: 9, messages: [{ role: "user", content: fresh() }] },
  };
  const key = await stored(request);
  const headers = { ...request.headers, "anthropic-beta": "second-2026" };
  const [one, ...more] = await differences({ ...request, headers }, key);
  assert.deepEqual(more, []);
  assert.match(one?.path ?? "", /^headers\.anthropic-beta$/i);
  assert.match(one?.asked ?? "", /second-2026/);
  assert.match(one?.stored ?? "", /first-2025/);
  const { "anthropic-beta": _, ...without } = request.headers;
  assert.match((await differences({ ...request, headers: without }, key))[0]?.path ?? "", /anthropic-beta/i);
});

test("a volatile field and a header that does not count are named as left out, with why, and change nothing", async () => {
  const body = { ...agent(fresh()), user: "user-one" };
  const key = await stored({ path: openai.path, body });
  const headers = { "X-Stainless-Lang": "js", "User-Agent": "a/1", "Idempotency-Key": "i-1" };
  const other = { ...body, user: "user-two", safety_identifier: "s-2", metadata: { a: "b" } };
  const answer = await explained({ path: openai.path, body: other, headers });
  assert.deepEqual([answer.would, answer.key], ["HIT", key]);
  const left = new Map<string, { where: string; reason: string }>(
    answer.left_out.map((one: { name: string }) => [one.name.toLowerCase(), one]),
  );
  for (const name of ["user", "safety_identifier", "metadata"])
    assert.equal(left.get(name)?.where, "body", name);
  for (const name of ["x-stainless-lang", "user-agent", "idempotency-key"])
    assert.equal(left.get(name)?.where, "header", name);
  for (const [name, { reason }] of left) assert.ok(reason.length > 5, `${name}: ${reason}`);
  assert.ok(!left.has("model") && !left.has("messages"));
  assert.ok(!JSON.stringify(answer.canonical).includes("user-two"));
});

test("the key explained is the key that the request then has, whatever its digits, spelling and forms", async () => {
  const content = fresh("é");
  const digits = `{ "seed": 12345678901234567890, "model":"m-1", "messages":[{"content":"${content}","role":"user"}]}`;
  const requests: Request[] = [
    { path: "/v1/chat/completions", body: digits },
    { path: openai.path, body: digits.replace("7890", "7891").replace("é", "\\u00e9") },
    { path: "/@a.b;sample=2/openai/v1/chat/completions", body: openai.request(content, false) },
    { path: "/openai/v1/embeddings?b=2&a=1&api_key=k", body: { model: "e", input: content } },
    {
      path: openai.path,
      headers: { "X-Cache-Namespace": "n", "openai-beta": "z" },
      body: openai.request("x", true),
    },
  ];
  const keys = new Set<string>();
  for (const request of requests) {
    const { key, would, canonical } = await explained(request);
    assert.equal(would, "MISS", request.path);
    assert.ok(canonical.length > 0);
    const answer = await really(request);
    assert.deepEqual([answer.cache, answer.header("x-cache-key")], ["MISS", key], request.path);
    assert.deepEqual([(await explained(request)).would, (await really(request)).cache], ["HIT", "HIT"]);
    keys.add(key);
  }
  assert.equal(keys.size, requests.length);
});

test("a stored key is explained from what is remembered of its request; a key of nothing is a 404", async () => {
  const body = agent(fresh("kept"));
  const key = await stored({ path: openai.path, body });
  const answer = await admin.post("/explain", { key });
  assert.equal(answer.key, key);
  assert.equal(answer.would, "HIT");
  assert.ok(answer.canonical.includes(body.messages[0]?.content));
  refusal(await admin.call("POST", "/explain", { body: { key: "0".repeat(64) } }), 404);
  for (const bad of [{ key: "xyz" }, {}, { key: 7 }, { path: 7 }, [], null, "{"])
    refusal(await admin.call("POST", "/explain", { body: bad }), 400, JSON.stringify(bad));
});

test("explain says what would happen instead: bypass and why, an unknown provider, a control that is none", async () => {
  const body = openai.request(fresh(), false);
  const path = openai.path;
  const cases: [Request, string, RegExp][] = [
    [{ path, body, headers: { "Cache-Control": "no-store" } }, "BYPASS", /no-store/],
    [{ path, body, headers: { "X-Cache-Mode": "bypass" } }, "BYPASS", /mode|bypass/],
    [{ path: "/openai/v1/files", body }, "BYPASS", /./],
    [
      { path: "/openai/v1/responses", body: { model: "m", input: "x", previous_response_id: "r" } },
      "BYPASS",
      /previous-response/,
    ],
    [{ path: "/nobody/v1/chat/completions", body }, "unknown_provider", /nobody/],
    [{ path, body, headers: { "X-Cache-TTL": "soon" } }, "invalid_control", /TTL|soon/i],
    [{ path, body, headers: { "X-Cache-Mode": "replay" } }, "replay_miss", /./],
    [{ path, body, headers: { "Cache-Control": "only-if-cached" } }, "only_if_cached_miss", /./],
  ];
  for (const [request, would, why] of cases) {
    const answer = await explained(request);
    assert.equal(answer.would, would, JSON.stringify(answer));
    assert.match(`${answer.why} ${answer.detail}`, why);
  }
  assert.equal((await explained({ path: "/openai/v1/models", body: "" }, { method: "GET" })).would, "BYPASS");
});

test("explaining changes nothing: no call, no count, no entry, no hit, no sample's number", async () => {
  const body = agent(fresh("auto"));
  const auto = { "X-Cache-Sample": "auto", "X-Cache-Run": fresh("run") };
  // Its own: what earlier tests used may be written down only now.
  const namespace = fresh("quiet");
  const path = `/@${namespace}${openai.path}`;
  const key = await stored({ path, body });
  run.providers.forget();
  const look = async () => {
    const { total } = await admin.json("/stats");
    const { entries } = await admin.page({ namespace, limit: 1000 });
    return { total, entries: entries.map(({ age_s: _a, ttl_s: _t, ...entry }) => entry) };
  };
  const before = await look();
  for (let i = 0; i < 3; i++) {
    for (const headers of [auto, {}, { "Cache-Control": "no-cache" }, { "X-Cache-Mode": "refresh" }])
      await explained({ path, body, headers });
    await explained({ path, body: { ...body, temperature: i } });
    await admin.post("/explain", { key });
  }
  assert.equal(run.calls, 0);
  assert.deepEqual(await look(), before);
  // The first real one of the run is still the first.
  const first = await really({ path, body, headers: auto });
  assert.deepEqual([first.cache, first.header("x-cache-key")], ["HIT", key]);
});

test("X-Cache-Explain gives an answer its reason, a replay's miss says what differs, and neither goes up", async () => {
  const body = agent(fresh("told"));
  const path = openai.path;
  const key = await stored({ path, body });
  const explain = { "X-Cache-Explain": "1" };
  run.providers.forget();
  const hit = await post(run.port, path, { body, headers: explain });
  assert.equal(hit.cache, "HIT");
  assert.match(hit.header("x-cache-explain") ?? "none", /hit/i);
  const replay = { "X-Cache-Mode": "replay" };
  const missing = await post(run.port, path, { body: { ...body, temperature: 0.9 }, headers: replay });
  assert.deepEqual([missing.status, missing.json.error.code], [424, "replay_miss"]);
  assert.match(missing.json.error.message, /temperature/);
  assert.ok(!missing.json.error.message.includes(key), "some clients take its digits for a status");
  const longer = [...body.messages, { role: "user", content: "One more" }];
  const more = await post(run.port, path, { body: { ...body, messages: longer }, headers: replay });
  assert.match(more.json.error.message, /messages\[4\]/);
  assert.equal(run.calls, 0);
  const miss = await post(run.port, path, { body: { ...body, temperature: 0.9 }, headers: explain });
  assert.equal(miss.cache, "MISS");
  assert.match(miss.header("x-cache-explain") ?? "none", /temperature/);
  const plain = await post(run.port, path, { body: { ...body, temperature: 0.8 } });
  assert.equal(plain.header("x-cache-explain"), undefined);
  const file = await ask(run.port, { path: "/openai/v1/files", body: "{}", headers: explain });
  assert.match(file.header("x-cache-explain") ?? "none", /bypass/i);
  const calls = run.providers.named("openai").calls;
  assert.equal(calls.length, 3);
  for (const call of calls) assert.equal(call.header("x-cache-explain"), undefined);
});
