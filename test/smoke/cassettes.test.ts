import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Admin, type Query, refusal } from "../support/admin-client.ts";
import { answerWell, families, openai } from "../support/answers.ts";
import { type Askonce, startAskonce } from "../support/askonce.ts";
import { openaiAnswer, print } from "../support/embeddings.ts";
import { DONE, data } from "../support/openai-answers.ts";
import type { Handler } from "../support/provider.ts";
import { ask, post, type RawAnswer } from "../support/raw.ts";
import { fresh, OWN_PROCESS, sameBytes, session } from "../support/session.ts";

/** Where it is recorded, and where it is played: there no provider can be called. */
const run = session({ names: ["openai", "anthropic", "google"] });
const recorder = new Admin(() => run.server);
let stage: Askonce | undefined;
const onStage = () => stage ?? assert.fail("not started");
const player = new Admin(onStage);
before(async () => {
  stage = await startAskonce({ flags: [...run.providers.flags, "--mode", "replay"] });
}, OWN_PROCESS);
after(async () => {
  await stage?.kill();
});

const NAMESPACE = "tape";
const TEXT = 'Ünïcode 漢🙂 "quoted" \\ and\n a second line';
const EDITED = "Edited with a text editor";

interface Question {
  readonly about: string;
  readonly path: string;
  readonly body: string;
  readonly headers?: Record<string, string>;
  /** The exact bytes of the answer, which says this; undefined: any good answer. */
  readonly answer?: readonly string[];
  readonly type?: string;
}

const chat = (content: string, more: object = {}) =>
  JSON.stringify({ model: "m-1", messages: [{ role: "user", content }], ...more });
const said = (content: string) => openai.document(content);
const delta = (content: string, finish_reason: string | null = null) =>
  data({
    id: "c",
    object: "chat.completion.chunk",
    choices: [{ index: 0, delta: { content }, finish_reason }],
  });

/** Answers of which each byte matters: as servers in several languages write them, and as no parser keeps them. */
const questions: readonly Question[] = [
  { about: "compact", path: openai.path, body: chat("compact"), answer: [JSON.stringify(said(TEXT))] },
  {
    about: "as Python writes it",
    path: openai.path,
    body: chat("python"),
    answer: [print(said("py"), "spaced")],
  },
  { about: "indented", path: openai.path, body: chat("pretty"), answer: [print(said("pretty"), "pretty")] },
  {
    about: "with numbers and names that a parser loses",
    path: openai.path,
    body: chat("digits", { seed: 1 }).replace('"seed":1', '"seed":12345678901234567890'),
    answer: [
      JSON.stringify(said("digits")).replace(
        "{",
        '{"n":12345678901234567890.10,"n":1e400, "é":"\\u00e9\\/",',
      ),
    ],
  },
  {
    about: "a stream",
    path: openai.path,
    body: chat("stream", { stream: true }),
    answer: [delta("To be edit"), delta(`ed: original. ${TEXT}`), delta("", "stop"), DONE],
    type: "text/event-stream; charset=utf-8",
  },
  {
    about: "a stream with comments and CR LF",
    path: openai.path,
    body: chat("crlf", { stream: true }),
    answer: [": keep-alive\r\n\r\n", delta("CR").replaceAll("\n", "\r\n"), delta("", "stop"), DONE],
    type: "text/event-stream",
  },
  {
    about: "Anthropic's",
    path: "/anthropic/v1/messages",
    headers: { "anthropic-version": "2023-06-01", "anthropic-beta": "b-1" },
    body: JSON.stringify(familyRequest("anthropic messages")),
  },
  {
    about: "Google's",
    path: "/google/v1beta/models/m-1:streamGenerateContent?alt=sse",
    body: JSON.stringify(familyRequest("google")),
  },
  {
    about: "embeddings",
    path: "/openai/v1/embeddings",
    body: JSON.stringify({ model: "e", input: ["one", "two"], encoding_format: "float" }),
    answer: [print(openaiAnswer({ model: "e", input: ["one", "two"] }), "spaced")],
  },
  { about: "sample 3", path: openai.path, body: chat("compact"), headers: { "X-Cache-Sample": "3" } },
];

function familyRequest(name: string) {
  return families.find((family) => family.name === name)?.request("tape", false);
}

const answers: Handler = async (call) => {
  const text = await call.text();
  const known = questions.find(({ body }) => body === text);
  if (known?.answer === undefined) return answerWell(call);
  const { answer, type = "application/json" } = known;
  await call.head({ headers: { "Content-Type": type, "X-Request-Id": fresh("req"), Date: "now" } });
  for (const piece of answer) await call.chunk(piece);
  await call.end();
};

function put(server: Askonce, { path, body, headers = {} }: Question, more: Record<string, string> = {}) {
  const key = { authorization: "Bearer sk-tape", ...headers, ...more };
  return ask(server.port, { path: `/@${NAMESPACE}${path}`, body, headers: key });
}

/** Lines of one tape that are not the other's, each shortened. */
function unlike(text: string, other: string): string[] {
  const lines = other.split("\n");
  const found = text.split("\n").filter((line, n) => line !== lines[n]);
  return (found.length === 0 && text !== other ? ["fewer lines"] : found).map((line) => line.slice(0, 300));
}

let first: RawAnswer[] = [];
let tape = "";

test("an export is one JSON object a line, the same again, and the same from what it was imported into", async () => {
  for (const name of ["openai", "anthropic", "google"]) run.script(name, answers);
  await post(run.port, openai.path, { body: chat("of another namespace") });
  first = [];
  for (const question of questions) first.push(await put(run.server, question));
  for (const [i, { about }] of questions.entries())
    assert.deepEqual([first[i]?.status, first[i]?.cache], [200, "MISS"], about);
  const exported = await recorder.export({ namespace: NAMESPACE });
  assert.match(exported.header("content-type") ?? "", /ndjson|jsonl/);
  tape = exported.text;
  const lines = tape.trimEnd().split("\n");
  assert.ok(lines.length >= questions.length, `${lines.length} lines`);
  for (const line of lines) assert.equal(typeof JSON.parse(line), "object");
  assert.ok(tape.endsWith("\n"));
  assert.ok(!tape.includes("of another namespace"));
  assert.ok(!tape.includes("sk-tape"));
  // What differs from recording to recording would make a diff of every line.
  for (const noise of [...first.map((answer) => answer.header("x-cache-key") ?? "-"), "req-"])
    assert.ok(!tape.includes(noise), noise);
  assert.ok(tape.includes("Ünïcode 漢🙂"), "text is readable");
  sameBytes((await recorder.export({ namespace: NAMESPACE })).body, exported.body);

  const imported = await player.import(tape);
  assert.equal(imported.status, 200, imported.text);
  assert.deepEqual(unlike((await player.export()).text, tape), []);
});

test("an answer edited with a text editor is what a replay answers, a stream too, and all others stay to the byte", async () => {
  const edited = tape.replaceAll("original. ", `${EDITED}. `).replaceAll('"py"', `"${EDITED}"`);
  const again = edited.includes('\\"py\\"') ? edited.replaceAll('\\"py\\"', `\\"${EDITED}\\"`) : edited;
  assert.notEqual(again, tape);
  assert.equal((await player.import(again)).status, 200);
  run.providers.forget();
  for (const [i, question] of questions.entries()) {
    const answer = await put(onStage(), question);
    const { about } = question;
    assert.deepEqual([answer.status, answer.cache], [200, "HIT"], `${about}: ${answer.text.slice(0, 300)}`);
    const recorded = first[i] as RawAnswer;
    assert.equal(answer.header("content-type"), recorded.header("content-type"), about);
    const want = recorded.text.replaceAll("original. ", `${EDITED}. `).replaceAll('"py"', `"${EDITED}"`);
    assert.equal(answer.text, want, about);
  }
  assert.equal(run.calls, 0);
  // The change is in the tape of the one who imported it, and nowhere else.
  assert.deepEqual(unlike((await player.export()).text, again), []);
});

test("recorded once more, the tape is the same", OWN_PROCESS, async (t) => {
  const server = await startAskonce({ flags: [...run.providers.flags, "--ttl", "7d"] });
  t.after(() => server.kill());
  const admin = new Admin(() => server);
  // What any good answer would do holds a clock.
  const lasting = questions.filter(({ answer }) => answer !== undefined);
  for (const question of lasting.toReversed()) assert.equal((await put(server, question)).cache, "MISS");
  const lines = (text: string) => text.trimEnd().split("\n");
  const other = lines((await admin.export({ namespace: NAMESPACE })).text);
  assert.ok(other.length >= lasting.length);
  assert.deepEqual(
    other.filter((line) => !lines(tape).includes(line)),
    [],
  );
});

test("a cassette that is broken at line 7 says line 7 and changes nothing", async () => {
  const lines = tape
    .trimEnd()
    .split("\n")
    .map((line) => line.replaceAll("tape", "broken"));
  const seventh = lines[6] as string;
  const object = JSON.parse(seventh);
  const bad: [string, string][] = [
    ["cut short", seventh.slice(0, -10)],
    ["no JSON", "what is this?"],
    ["another object", '{"a":1}'],
    ["an array", "[]"],
    ["null", "null"],
    ["without its answer", JSON.stringify({ ...object, response: undefined })],
    ["without its request", JSON.stringify({ ...object, request: undefined })],
    ["a status that is none", JSON.stringify({ ...object, response: { ...object.response, status: "x" } })],
    [
      "a provider that is none",
      JSON.stringify({ ...object, request: { ...object.request, provider: "nobody" } }),
    ],
    ["a body that is not base64", JSON.stringify(withBase64(object))],
  ];
  const before = (await player.export()).text;
  const listed = await player.keys();
  for (const [about, line] of bad) {
    const cassette = lines.with(6, line).join("\n");
    const message = refusal(await player.import(`${cassette}\n`), 400, about);
    assert.match(message, /\bline 7\b/, about);
  }
  assert.deepEqual(unlike((await player.export()).text, before), []);
  assert.deepEqual(await player.keys(), listed);
  // The same lines whole are fine: with CR LF, blank lines, and no end of the last one.
  const answer = await player.import(`\ufeff${lines.join("\r\n\r\n")}`);
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await player.keys({ namespace: "broken" })).length, lines.length);
});

/** With a body that is no base64 instead of the one it has. */
function withBase64(line: { response: Record<string, unknown> }): unknown {
  const { json: _json, text: _text, lines: _lines, base64: _base64, ...head } = line.response;
  return { ...line, response: { ...head, base64: "*** no base64 ***" } };
}

test("fields named at the export are masked in documents and streams, and in nothing else", async () => {
  const redact = async (path: string) =>
    (await recorder.export({ namespace: NAMESPACE, redact: path } as Query)).text;
  const count = (text: string, part: string) => text.split(part).length - 1;
  // In two documents (sample 3 is one of them) and in a stream.
  assert.equal(count(tape, "Ünïcode"), 3);
  const documents = await redact("response.choices[*].message.content");
  assert.equal(count(documents, "Ünïcode"), 1);
  assert.equal(count(documents, "original. "), 1);
  assert.ok(!documents.includes('"py"') && !documents.includes('\\"py\\"'));
  assert.ok(documents.includes("python"), "the request stays");
  const streams = await redact("response.choices[*].delta.content");
  assert.equal(count(streams, "Ünïcode"), 2);
  assert.equal(count(streams, "original. "), 0);
  const requests = await redact("request.messages[*].content");
  assert.ok(!requests.includes("python"));
  assert.equal(count(requests, "Ünïcode"), 3, "the answers stay");
  refusal(
    await recorder.call("GET", "/export", { query: { redact: "response..[[" } }),
    400,
    "a path that is none",
  );
});

test(
  "under scope credential an import names the credential's label, and only that credential gets it",
  OWN_PROCESS,
  async (t) => {
    // Everything is past its time at once, but what was imported never is.
    const server = await startAskonce({
      flags: [...run.providers.flags, "--scope", "credential", "--ttl", "1ms"],
    });
    t.after(() => server.kill());
    const admin = new Admin(() => server);
    const [question] = questions as [Question];
    const mine = { authorization: "Bearer sk-mine" };
    const other = { authorization: "Bearer sk-other" };
    for (const headers of [mine, other, other])
      await post(server.port, openai.path, { body: chat("hi"), headers });
    const { groups } = await admin.json("/stats", { by: "credential" });
    assert.equal(groups.length, 2);
    const { name: label } = groups.find(({ requests }: { requests: number }) => requests === 1);
    assert.match(label, /^[0-9a-f]{12}$/);

    const kept = await admin.keys();
    assert.match(refusal(await admin.import(tape), 400, "no label"), /credential/i);
    refusal(await admin.import(tape, { credential: "0123456789ab" }), 400, "a label of nobody");
    refusal(await admin.import(tape, { credential: "sk-mine" }), 400, "a key is no label");
    assert.deepEqual(await admin.keys(), kept);
    const answer = await admin.import(tape, { credential: label });
    assert.equal(answer.status, 200, answer.text);
    run.providers.forget();
    const hit = await put(server, question, mine);
    assert.deepEqual([hit.status, hit.cache, run.calls], [200, "HIT", 0], hit.rawHead);
    assert.equal(hit.text, first[0]?.text);
    assert.equal((await put(server, question, other)).cache, "MISS");
    const exported = (await admin.export({ namespace: NAMESPACE })).text;
    assert.ok(!/sk-(mine|other|tape)/.test(exported));
  },
);
