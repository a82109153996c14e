import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin } from "../support/admin-client.ts";
import { answerWell, embedding, openai } from "../support/answers.ts";
import { ask, post } from "../support/raw.ts";
import { eventually, fresh, inParallel, session } from "../support/session.ts";

const run = session({ names: ["openai", "anthropic", "google"] });
const admin = new Admin(() => run.server);
const WITHIN = 1000;

/** A word that stands nowhere else. */
function word(): string {
  return `w${fresh("").replace(/\D/g, "")}q`;
}

/** Stores the answer to a chat request with this prompt, and tells its key. */
async function stored(prompt: string, more: { path?: string; namespace?: string } = {}): Promise<string> {
  return asked(`${more.namespace ? `/@${more.namespace}` : ""}${more.path ?? openai.path}`, {
    model: "m-1",
    messages: [{ role: "user", content: prompt }],
  });
}

async function asked(path: string, body: unknown, headers: Record<string, string> = {}): Promise<string> {
  const answer = await post(run.port, path, { body, headers });
  assert.deepEqual([answer.status, answer.cache], [200, "MISS"], answer.text.slice(0, 200));
  return answer.header("x-cache-key") ?? assert.fail("no key");
}

function found(q: string, more: Record<string, string> = {}): Promise<string[]> {
  return admin.keys({ q, ...more });
}

async function soonFound(q: string, keys: string[], more: Record<string, string> = {}): Promise<void> {
  await eventually(
    async () => assert.deepEqual((await found(q, more)).toSorted(), keys.toSorted(), JSON.stringify(q)),
    WITHIN,
  );
}

test("words of every family's prompts are found within a second of storing, wherever they stand", async () => {
  const words = Array.from({ length: 9 }, word);
  const [system, old, last, part, message, gem, embedded, answered, response] = words as [
    ...string[],
  ] as string[];
  run.script("openai", async (call) => {
    if (!/chat/.test(call.path)) return answerWell(call);
    await call.reply({
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(openai.document(`says ${answered}`)),
    });
  });
  const chat = await asked(openai.path, {
    model: "m-1",
    messages: [
      { role: "system", content: `You know ${system}.` },
      { role: "user", content: `What is (${old})?` },
      { role: "assistant", content: "A word" },
      { role: "user", content: [{ type: "text", text: `and "${part}", or ${last}?` }] },
    ],
  });
  const claude = await asked(
    "/anthropic/v1/messages",
    { model: "m-1", max_tokens: 9, messages: [{ role: "user", content: `hello ${message}` }] },
    { "anthropic-version": "2023-06-01" },
  );
  const gemini = await asked("/google/v1beta/models/m-1:generateContent", {
    contents: [{ role: "user", parts: [{ text: `Servus ${gem}` }] }],
  });
  const vector = await asked(embedding.path, embedding.request(`the ${embedded}`));
  const answer = await asked("/openai/v1/responses", {
    model: "m-1",
    input: `ask ${response}`,
    store: false,
  });
  const begun = performance.now();
  for (const one of [system, old, last, part]) await soonFound(one as string, [chat]);
  await soonFound(message as string, [claude]);
  await soonFound(gem as string, [gemini]);
  await soonFound(response as string, [answer]);
  await eventually(async () => assert.ok((await found(embedded as string)).includes(vector)), WITHIN);
  assert.ok(performance.now() - begun < WITHIN, `${performance.now() - begun} ms in all`);
  assert.deepEqual(await found(answered as string), [], "a word of an answer is no word of a prompt");
  assert.deepEqual(await found(`${system} ${last}`), [chat], "words far apart");
  assert.deepEqual(await found(`${system} ${message}`), [], "words of two requests");
});

test("what is syntax to a search engine is a plain word here, and never an error", async () => {
  const [a, b] = [word(), word()];
  const both = await stored(`${a} and ${b}`);
  const negated = await stored(`${a} NOT ${b}`);
  const either = await stored(`${a} OR NEAR ${b}`);
  await soonFound(a, [both, negated, either]);
  const cases: [string, string[]][] = [
    [`${a} AND ${b}`, [both]],
    [`${a} and ${b}`, [both]],
    [`${a} NOT ${b}`, [negated]],
    [`${b} not ${a}`, [negated]],
    [`${a} OR ${b}`, [either]],
    [`NEAR(${a} ${b})`, [either]],
    [`"${a}`, [both, negated, either]],
    [`"${a} ${b}"`, [both, negated, either]],
    [`"${b}" "${a}"`, [both, negated, either]],
    [`-${a}`, [both, negated, either]],
    [`^${a}`, [both, negated, either]],
    [`(${a})`, [both, negated, either]],
    [`{${a}} : ${b}`, [both, negated, either]],
    [`'${a}' ; ${b} --`, [both, negated, either]],
    [`${a}+${b}`, [both, negated, either]],
    [`${a.toUpperCase()}`, [both, negated, either]],
    [`${a} nowhere${b}`, []],
    [`text:${a}`, []],
  ];
  await inParallel(cases.length, 4, async (i) => {
    const [q, keys] = cases[i] as [string, string[]];
    assert.deepEqual((await found(q)).toSorted(), keys.toSorted(), q);
  });
});

test("emoji, quotes, NUL, very long and broken questions are answered or refused, never a fault", async () => {
  const snow = `snow${word()}`;
  const key = await stored(`☃ ${snow} naïve 漢字 🙂`);
  await soonFound(snow, [key]);
  assert.deepEqual(await found(`${snow} 漢字`), [key]);
  assert.deepEqual(await found(`NAÏVE ${snow}`), [key]);
  const odd = [
    ...["🙂", `🙂 ${snow}`, '"', "''", '""""', "*", "***", "()", "{}", "^", ":", "\\", "%", "_", ";--", " "],
    ...[`\u0000`, `${snow}\u0000x`, "\ufeff", "\u202e", "\ud83d".toWellFormed(), "a".repeat(250)],
    ...["word ".repeat(60), '"'.repeat(300), "NEAR(a, 9999999999)", "AND", "NOT", "OR OR", "a*b*c"],
  ];
  await inParallel(odd.length, 4, async (i) => {
    const answer = await admin.call("GET", "/entries", { query: { q: odd[i] as string } });
    assert.ok(
      [200, 400].includes(answer.status),
      `${JSON.stringify(odd[i])}: ${answer.status} ${answer.text}`,
    );
    if (answer.status === 200) assert.ok(Array.isArray(answer.json.entries));
    else assert.ok(answer.json.error.message);
  });
  for (const raw of ["%ff", "%", "%00", "%ed%a0%80", "&q=x"]) {
    const path = `/admin/api/entries?q=${raw}`;
    const answer = await ask(run.port, { method: "GET", path, headers: admin.bearer });
    assert.ok([200, 400].includes(answer.status), `${raw}: ${answer.status} ${answer.text}`);
  }
});

test("what was deleted or purged is no longer found, at once; what stays is", async () => {
  const [common, staying] = [word(), fresh("ns")];
  const gone = fresh("ns");
  const deleted = await stored(`${common} one`);
  const purged = [
    await stored(`${common} two`, { namespace: gone }),
    await stored(`${common} three`, { namespace: gone }),
  ];
  const kept = await stored(`${common} four`, { namespace: staying });
  await soonFound(common, [deleted, ...purged, kept]);
  assert.deepEqual((await found(common, { namespace: gone })).toSorted(), purged.toSorted());
  assert.deepEqual(await found(common, { provider: "anthropic" }), []);
  await admin.call("DELETE", `/entries/${deleted}`);
  assert.deepEqual((await found(common)).toSorted(), [...purged, kept].toSorted());
  assert.equal((await admin.post("/purge", { namespace: gone, dry_run: true })).purged, 2);
  assert.deepEqual((await found(common, { namespace: gone })).toSorted(), purged.toSorted(), "a dry run");
  assert.equal((await admin.post("/purge", { namespace: gone })).purged, 2);
  assert.deepEqual(await found(common), [kept]);
  // The same question asked again is another entry, which is found again.
  const again = await stored(`${common} two`, { namespace: gone });
  await soonFound(common, [again, kept]);
});
