import assert from "node:assert/strict";
import { test } from "node:test";
import { ADMIN, Admin, adminToken } from "../support/admin-client.ts";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, startAskonce } from "../support/askonce.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { eventually, fresh, inParallel } from "../support/session.ts";
import { indexed, Marks, readable } from "../support/traces.ts";

const marks = new Marks();
const secret = (where: string) => marks.secret(where);
const MESSAGES = "/anthropic/v1/messages";
const GEMINI = "/google/v1beta/models/m:generateContent";

interface Sent {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

const ask1 = (about: string) => [{ role: "user", content: `findme ${about} ${fresh()}` }];
const chat = (about: string) => ({ model: "m-1", messages: ask1(about) });
const version = { "anthropic-version": "2023-06-01" };

/** A request for every place in which a credential can travel; all but the last are kept. */
function requests(): Sent[] {
  const bearer = () => ({ authorization: `Bearer ${secret("owner")}` });
  const claude = { model: "m", max_tokens: 9 };
  const server = {
    type: "url",
    url: `https://u:${secret("userinfo")}@x.example/?token=${secret("urlquery")}`,
  };
  const hosted = { type: "mcp", server_label: "x", server_url: "https://x.example" };
  return [
    { path: openai.path, headers: { authorization: `Bearer ${secret("bearer")}` }, body: chat("bearer") },
    { path: openai.path, headers: { authorization: `bearer  ${secret("spaced")}` }, body: chat("spaced") },
    {
      path: openai.path,
      headers: { authorization: `Basic ${btoa(`u:${secret("basic")}`)}` },
      body: chat("basic"),
    },
    { path: openai.path, headers: { "api-key": secret("apikey") }, body: chat("api-key") },
    {
      path: MESSAGES,
      headers: { ...version, "x-api-key": secret("xapikey") },
      body: { ...claude, messages: ask1("x") },
    },
    {
      path: GEMINI,
      headers: { "x-goog-api-key": secret("goog") },
      body: { contents: [{ role: "user", parts: [{ text: "findme" }] }] },
    },
    {
      path: `${GEMINI}?key=${secret("query")}&alt=json`,
      headers: {},
      body: { contents: [{ role: "user", parts: [{ text: "findme query" }] }] },
    },
    {
      path: `${GEMINI}?access_token=${secret("accesstoken")}`,
      headers: {},
      body: { contents: [{ role: "user", parts: [{ text: "findme token" }] }] },
    },
    {
      path: openai.path,
      headers: { ...bearer(), cookie: `session=${secret("cookie")}` },
      body: chat("cookie"),
    },
    {
      path: openai.path,
      headers: { ...bearer(), "proxy-authorization": `Bearer ${secret("proxy")}` },
      body: chat("proxy"),
    },
    {
      path: MESSAGES,
      headers: { ...version, "x-api-key": secret("mcpowner"), "anthropic-beta": "mcp-client-2025-04-04" },
      body: {
        ...claude,
        messages: ask1("mcp"),
        mcp_servers: [{ ...server, name: "x", authorization_token: secret("mcp") }],
      },
    },
    {
      path: "/openai/v1/responses",
      headers: bearer(),
      body: {
        model: "m",
        input: "findme tools",
        store: false,
        tools: [
          {
            ...hosted,
            authorization: secret("tool"),
            headers: { Authorization: `Bearer ${secret("toolheader")}`, "X-Api-Key": secret("toolkey") },
          },
        ],
      },
    },
    {
      path: `${openai.path}?api_key=${secret("both")}`,
      headers: { ...bearer(), referer: `https://x.example/?key=${secret("referer")}` },
      body: chat("referer"),
    },
    { path: "/openai/v1/files", headers: bearer(), body: { purpose: "x" } },
  ];
}

/** Every answer that the admin API gives to one who has the token, with where it came from. */
async function everything(server: Askonce, sent: readonly Sent[]): Promise<[string, Uint8Array][]> {
  const admin = new Admin(() => server);
  const found: [string, Uint8Array][] = [];
  const note = async (method: string, path: string, body?: unknown) => {
    const answer = await admin.call(method, path, body === undefined ? {} : { body });
    found.push([`${method} ${path}`, Buffer.from(`${answer.rawHead}${answer.text}`)]);
    return answer;
  };
  for (const by of ["provider", "model", "namespace", "endpoint", "credential"])
    await note("GET", `/stats?by=${by}`);
  for (const path of ["/config", "/requests?limit=1000", "/credentials", "/status", "/openapi.json", "/docs"])
    await note("GET", path);
  for (const path of ["/entries?limit=1000", "/entries?limit=1000&q=findme", "/export", "/export?times=true"])
    assert.equal((await note("GET", path)).status, 200, path);
  const keys = await admin.keys();
  assert.ok(keys.length >= sent.length - 2, `${keys.length} of ${sent.length} are kept`);
  await inParallel(keys.length, 4, async (i) => {
    const key = keys[i];
    assert.equal((await note("GET", `/entries/${key}`)).status, 200);
    assert.equal((await note("GET", `/entries/${key}/body`)).status, 200);
    await note("POST", "/explain", { key });
  });
  await inParallel(sent.length, 4, async (i) => {
    const { path, headers, body } = sent[i] as Sent;
    const described = { method: "POST", path, headers: { ...headers, "content-type": "application/json" } };
    assert.equal((await note("POST", "/explain", { ...described, body })).status, 200, path);
    await note("POST", "/explain", { ...described, body: JSON.stringify(body).replace("findme", "another") });
    await note("POST", "/explain", { ...described, headers: { "X-Cache-TTL": secret("control") }, body });
  });
  // Errors of the admin API that could say what they were given.
  await note("POST", "/purge", { provider: 7, [secret("member")]: 1 }).then(() => forget("member"));
  await note("PATCH", "/config", { mode: secret("mode") }).then(() => forget("mode"));
  forget("control");
  const metrics = await ask(server.port, { method: "GET", path: "/metrics", headers: admin.bearer });
  found.push(["/metrics", metrics.body]);
  return found;
}

/** What was given where no credential belongs may be said again to who gave it. */
function forget(where: string): void {
  marks.made.splice(0, marks.made.length, ...marks.made.filter((mark) => !mark.includes(`SECRET${where}`)));
}

test("no credential is found in any answer of the admin API, in an export, an event, a metric, a log or a file", {
  timeout: 120_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  t.after(() => provider.close());
  const names = ["openai", "anthropic", "google"].flatMap((name) => [
    "--provider",
    `${name}=${provider.url}`,
  ]);
  const settings = ["--scope", "credential", "--cache-anyway", "mcp-servers,hosted-tools,connectors"];
  const server = await startAskonce({ flags: [...names, ...settings, "--log", "json"] });
  t.after(() => server.kill());
  const admin = new Admin(() => server);
  const events = await admin.events();
  await events.until((answer) => answer.text.startsWith(":"));

  const sent = requests();
  for (const { path, headers, body } of sent) {
    for (const word of ["MISS", "HIT"]) {
      const answer = await post(server.port, path, { body, headers: { ...headers, "X-Cache-Explain": "1" } });
      const kept = !path.includes("/files");
      assert.deepEqual(
        [answer.status, answer.cache],
        [200, kept ? word : "BYPASS"],
        `${path} ${answer.text}`,
      );
      assert.deepEqual(marks.foundIn([["an answer", Buffer.from(answer.rawHead)]]), []);
    }
  }
  provider.handler = async (call) => call.reset();
  const missing = { body: chat("reset"), headers: { authorization: `Bearer ${secret("reset")}` } };
  assert.equal((await post(server.port, `${openai.path}?key=${secret("broken")}`, missing)).status, 502);
  const replayed = await post(server.port, `/@x;mode=replay${openai.path}`, missing);
  assert.equal(replayed.status, 424);
  await events.until((answer) => answer.text.split("data:").length > 2 * sent.length);
  await eventually(async () => assert.ok((await admin.keys({ q: "findme" })).length >= 10), 1500);

  const answers = await everything(server, sent);
  const running = readable(server.data);
  const token = adminToken(server);
  const places: [string, Uint8Array][] = [["events", events.soFar.body], ...answers, ...running];
  events.destroy();
  const exited = await server.stop();
  assert.equal(exited.code, 0);
  places.push(["stdout", Buffer.from(exited.stdout)], ["stderr", Buffer.from(exited.stderr)]);
  places.push(...readable(server.data));
  assert.ok(marks.made.length > 20 && places.length > 100, `${marks.made.length}, ${places.length}`);
  assert.deepEqual(marks.foundIn(places), []);
  for (const mark of marks.made)
    assert.equal(indexed(server.data, mark.replace("sk-", "")), 0, `${mark.slice(0, 16)} in an index`);
  assert.ok(indexed(server.data, "findme") > 0, "the look into the index sees words at all");
  // The token of the API itself lies in its file and nowhere else.
  const elsewhere = places.filter(([where]) => !where.endsWith("/admin-token"));
  const told = elsewhere.filter(([, bytes]) => Buffer.from(bytes).includes(token)).map(([where]) => where);
  assert.deepEqual(told, []);
  assert.ok(!answers.some(([where]) => where.startsWith(`GET ${ADMIN}`)));
});
