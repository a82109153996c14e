import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Bytes } from "../../src/proxy/digest.ts";
import { explainer } from "../../src/proxy/explain.ts";
import { rekeyer } from "../../src/proxy/rekey.ts";
import { describedOf } from "../../src/requests/described.ts";
import type { KeptBody, KeptRequest, NewRequest } from "../../src/requests/kept.ts";
import { formParts } from "../../src/requests/multipart.ts";
import { CHAT, type Journey, journey, json } from "../support/journey.ts";

const FORM = "multipart/form-data; boundary=b";

/** What an archive remembers of a request: what is ignored left out, a file named by its digest. */
async function remembered({ head, body, ignored }: NewRequest): Promise<KeptRequest> {
  return { head, body: await bodyOf({ head, body, ignored }), masked: [] };
}

async function bodyOf({ head, body, ignored }: NewRequest): Promise<KeptBody> {
  const text = new TextDecoder().decode(body);
  if (head.digest.startsWith("json:")) {
    const members = Object.entries(JSON.parse(text)).filter(([name]) => !ignored.includes(name));
    return { form: "json", text: JSON.stringify(Object.fromEntries(members), null, 2) };
  }
  if (!head.digest.startsWith("form:")) return { form: "text", text };
  const fields = [];
  for (const { headers, name, isFile, content } of (await formParts(body, "b")) ?? []) {
    const size = content.byteLength;
    const sha256 = await sha256Bytes(content);
    fields.push({
      headers,
      name,
      size,
      sha256,
      text: isFile ? undefined : new TextDecoder().decode(content),
    });
  }
  return { form: "fields", fields };
}

async function say(run: Journey, ...asked: Parameters<Journey["ask"]>): Promise<KeptRequest> {
  await (await run.ask(...asked)).text();
  await run.parts.flights.settled();
  const { request } = run.kept.at(-1) ?? assert.fail(`not kept: ${run.events.at(-1)?.notKept}`);
  return remembered(request);
}

const lastKey = (run: Journey) => run.kept.at(-1)?.key;

const form = (file: string) =>
  `--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b\r\n` +
  `Content-Disposition: form-data; name="file"; filename="a.mp3"\r\n\r\n${file}\r\n--b--\r\n`;

const cases: [what: string, ...asked: Parameters<Journey["ask"]>][] = [
  [
    "a chat with members that do not count",
    { body: { user: "u", model: "m", messages: [], temperature: 0.5 } },
  ],
  ["one in a namespace, of a sample", { path: `/@exp;sample=2${CHAT}` }],
  ["one of a sample without a namespace", { headers: { "x-cache-sample": "4" } }],
  [
    "one with headers and a query that count",
    { path: `${CHAT}?b=2&a=1`, headers: { "openai-beta": "x, y" } },
  ],
  [
    "a form",
    { path: "/openai/v1/audio/transcriptions", body: form("sound"), headers: { "content-type": FORM } },
  ],
  ["a body that is no JSON", { body: "plain words", headers: { "content-type": "text/plain" } }],
];

for (const [what, ask] of cases) {
  test(`the key of ${what} can be worked out from what is remembered, and so can be explained`, async () => {
    const run = journey();
    const transcription = () =>
      json('{"text":"x","id":"c","choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}');
    run.provider = transcription;
    const kept = await say(run, ask);
    const found = await rekeyer(run.parts)(kept, {});
    assert.ok("key" in found, JSON.stringify(found));
    assert.equal(found.key, lastKey(run));
    const entry = run.parts.store.get(found.key);
    const { stream: _, ...facts } = entry?.facts ?? assert.fail("not stored");
    assert.deepEqual(found.facts, facts);
    const explained = await explainer(run.parts).explain(describedOf(kept));
    assert.deepEqual([explained.key, explained.would], [found.key, "HIT"]);
  });
}

test("a key is worked out under today's settings and scope", async () => {
  const run = journey();
  const kept = await say(run, { body: { model: "m", messages: [], nonce: 1 } });
  const rekey = rekeyer(run.parts);
  run.config = { ...run.config, keyIgnore: ["nonce"] };
  const ignored = await rekey(kept, {});
  await say(run, { body: { model: "m", messages: [], nonce: 2 } });
  assert.deepEqual("key" in ignored && ignored.key, lastKey(run));

  run.config = { ...run.config, scope: "credential" };
  const label = run.events[0]?.credential ?? "";
  const own = await rekey(kept, { credential: label });
  await say(run, { body: { model: "m", messages: [], nonce: 3 } });
  assert.deepEqual("key" in own && own.key, lastKey(run));
  for (const [credential, why] of [
    [undefined, /name the credential's label/],
    ["0123456789ab", /credential 0123456789ab has not been seen here/],
  ] as const) {
    const none = await rekey(kept, { credential });
    assert.match("refused" in none ? none.refused : "", why);
  }
});

test("what was bound to its account goes to its credential's pool under every scope, the rest to that of all", async () => {
  const run = journey();
  const kept = await say(run, {});
  const credential = run.events[0]?.credential ?? "";
  const rekey = rekeyer(run.parts);
  const shared = await rekey(kept, { credential });
  assert.deepEqual("key" in shared && [shared.key, shared.facts.pool], [lastKey(run), "all"]);
  const own = await rekey(kept, { credential, own: true });
  assert.equal("key" in own && own.facts.pool, run.parts.credentials.tagOf(credential));
});

test("an edited request counts as edited, its model and digest too", async () => {
  const run = journey();
  const kept = await say(run, { body: { model: "m", messages: [] } });
  const edited: KeptRequest = { ...kept, body: { form: "json", text: '{"model":"n","messages":[]}' } };
  const found = await rekeyer(run.parts)(edited, {});
  await say(run, { body: { model: "n", messages: [] } });
  assert.ok("key" in found);
  assert.deepEqual([found.key, found.facts.model], [lastKey(run), "n"]);
  assert.deepEqual(found.head, run.kept.at(-1)?.request.head);
});

test("a credential that another process has seen is asked for by its label", async () => {
  const run = journey({ flags: [["--scope", "credential"]] });
  const kept = await say(run, {});
  const elsewhere = journey({ flags: [["--scope", "credential"]] });
  const { credential = "" } = run.events[0] ?? {};
  const tag = run.parts.credentials.tagOf(credential);
  const found = await rekeyer(elsewhere.parts, {
    knownTag: async (label) => (label === credential ? tag : undefined),
  })(kept, { credential });
  assert.deepEqual("key" in found && found.key, lastKey(run));
});

test("an account's own answer goes into no pool of all", async () => {
  const run = journey();
  const output = [{ type: "message", content: [{ type: "output_text", text: "x" }] }];
  run.provider = () =>
    json(JSON.stringify({ id: "resp_1", object: "response", status: "completed", output }));
  const kept = await say(run, { path: "/openai/v1/responses", body: { model: "m", input: "x" } });
  const rekey = rekeyer(run.parts);
  assert.match(JSON.stringify(await rekey(kept, {})), /a credential's own pool/);
  const found = await rekey(kept, { credential: run.events[0]?.credential });
  assert.deepEqual("key" in found && found.key, lastKey(run));
});

test("what is not all there is refused with the reason", async () => {
  const run = journey();
  const kept = await say(run, {});
  const rekey = rekeyer(run.parts);
  const why = async (request: KeptRequest) => {
    const found = await rekey(request, {});
    return "refused" in found ? found.refused : "not refused";
  };
  assert.match(
    await why({ ...kept, masked: ["tools[0].token", "x"] }),
    /masked at tools\[0\]\.token and at 1 more/,
  );
  assert.match(await why({ ...kept, head: { ...kept.head, query: "?session=***" } }), /masked in its query/);
  assert.match(
    await why({ ...kept, head: { ...kept.head, headers: ["x-a-token: ***"] } }),
    /header x-a-token/,
  );
  assert.match(await why({ ...kept, head: { ...kept.head, provider: "acme" } }), /no provider named acme/);
  assert.match(await why({ ...kept, head: { ...kept.head, path: "/v1/files" } }), /no endpoint/);
  assert.match(await why({ ...kept, body: undefined, head: { ...kept.head, digest: "" } }), /not remembered/);
  const hashed = await rekey({ ...kept, body: undefined }, {});
  assert.deepEqual("key" in hashed && hashed.key, lastKey(run), "a digest is enough");
  const masked = await explainer(run.parts).explain(describedOf({ ...kept, masked: ["tools[0].token"] }));
  assert.equal(masked.key, lastKey(run), "explained by its digest");
});

test("a look-up has a key of its own", async () => {
  const run = journey({ provider: () => json('{"data":[]}') });
  run.recording = true;
  await (await run.get("/openai/v1/models?b=1&a=2")).text();
  await run.parts.flights.settled();
  const kept: KeptRequest = { ...(run.kept[0]?.request ?? assert.fail()), body: undefined, masked: [] };
  const found = await rekeyer(run.parts)(kept, {});
  assert.deepEqual("key" in found && found.key, lastKey(run));
  assert.equal((await explainer(run.parts).explain(describedOf(kept))).key, lastKey(run));
});

test("a credential that a line's query names is no part of what is kept of it, nor of its key", async () => {
  const run = journey();
  const request = await say(run, { path: `${CHAT}?alt=x` });
  const rekey = rekeyer(run.parts);
  const plain = await rekey(request, {});
  const query = "?key=AIzaSecretOfMine&alt=x&api_key=sk-another";
  const written = await rekey({ ...request, head: { ...request.head, query } }, {});
  assert.ok("head" in plain && "head" in written);
  assert.equal(written.key, plain.key);
  assert.deepEqual([plain.head.query, written.head.query], ["?alt=x", "?alt=x"]);
  const alone = await rekey({ ...request, head: { ...request.head, query: "?key=AIzaSecretOfMine" } }, {});
  assert.equal("head" in alone && alone.head.query, "");
});
