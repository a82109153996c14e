import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { answersOf } from "../clients/scripted.ts";
import { openaiAnswer } from "../support/embeddings.ts";
import { filesBelow, tempFolder } from "../support/folder.ts";
import { type Handler, type Provider, startProvider } from "../support/provider.ts";
import { pointedAt, type Ran, runAsking } from "../support/running.ts";
import { OWN_PROCESS } from "../support/session.ts";

let provider: Provider;
before(async () => {
  provider = await startProvider(() => {});
});
beforeEach(() => {
  provider.forget();
  provider.handler = answering;
});
after(() => provider.close());

/** Answers well, counts nothing, and says what it is asked to: a 404, encrypted reasoning, a list of models. */
const answering: Handler = async (call) => {
  const text = await call.text();
  const json = (status: number, value: object) =>
    call.reply({ status, headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });
  if (call.path.endsWith("/models"))
    return json(200, { object: "list", data: [{ id: "m-1", object: "model" }] });
  if (/embeddings$/.test(call.path)) return json(200, openaiAnswer(JSON.parse(text)));
  if (/no such model/.test(text))
    return json(404, { error: { message: "no such model", code: "model_not_found" } });
  if (/secret thought/.test(text)) return json(200, thinking);
  return answersOf("openai")(call);
};
const thinking = {
  id: "resp_1",
  object: "response",
  status: "completed",
  model: "gpt-5-mini",
  error: null,
  output: [
    { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAAA-encrypted" },
    {
      type: "message",
      id: "msg_1",
      status: "completed",
      role: "assistant",
      content: [{ type: "output_text", text: "Done", annotations: [] }],
    },
  ],
  usage: { input_tokens: 9, output_tokens: 3, total_tokens: 12 },
};

const ALL = [
  "chat:one",
  "stream:two",
  "messages:three",
  "embed:a,b",
  "models",
  "missing:no such model",
  "responses:secret thought",
];
const gone = { OPENAI_BASE_URL: "", ANTHROPIC_BASE_URL: "" };

function inFile(word = join(tempFolder(), "llm.ndjson")) {
  const ask = (
    words: readonly string[],
    flags: readonly string[] = [],
    env = pointedAt(provider),
  ): Promise<Ran> => runAsking(words, { flags: ["--cassette", word, ...flags], env });
  return {
    word,
    ask,
    replay: (words: readonly string[], flags: readonly string[] = []) =>
      ask(words, ["--mode", "replay", ...flags], gone),
  };
}
const hits = ({ answers }: Ran) => answers.map(({ cache }) => cache);

test(
  "the first run records, the second calls nobody, the third replays with the provider gone",
  OWN_PROCESS,
  async () => {
    const { word, ask, replay } = inFile();
    const first = await ask(ALL);
    assert.equal(first.code, 0, first.stderr);
    assert.equal(provider.count, ALL.length);
    assert.deepEqual(new Set(hits(first)), new Set(["MISS"]));
    const recorded = readFileSync(word);
    const again = await ask(ALL);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(provider.count, ALL.length);
    const replayed = await replay(ALL);
    assert.equal(replayed.code, 0, replayed.stderr);
    assert.equal(provider.count, ALL.length);
    for (const run of [again, replayed]) {
      assert.deepEqual(new Set(hits(run)), new Set(["HIT"]));
      assert.deepEqual(
        run.answers.map(({ text }) => text),
        first.answers.map(({ text }) => text),
      );
      assert.match(run.told[0] ?? "", /^7 hits · 0 misses · saved \d+ tokens, \$[\d.]+ and /);
    }
    assert.deepEqual(readFileSync(word), recorded);
  },
);

test("the same command over the usual store calls the provider once", OWN_PROCESS, async () => {
  const data = join(tempFolder(), "data");
  const words = ["chat:one", "messages:two", "stream:three"];
  const env = pointedAt(provider);
  const [first, again] = [await runAsking(words, { data, env }), await runAsking(words, { data, env })];
  assert.deepEqual(
    [hits(first), hits(again), provider.count],
    [["MISS", "MISS", "MISS"], ["HIT", "HIT", "HIT"], 3],
  );
  assert.match(first.told[0] ?? "", /^0 hits · 3 misses · saved 0 tokens, \$0\.00 and 0 ms$/);
  assert.match(again.told[0] ?? "", /^3 hits · 0 misses · saved 24 tokens, \$0\.0000\d+ and /);
  // The stream says no token counts, so what it would have cost is not known, and not zero.
  assert.ok(again.told.includes("price unknown for 1 of the hits, which the sum leaves out"), again.stderr);
  const [unpriced] = (await runAsking(["stream:three"], { data, env })).told;
  assert.match(unpriced ?? "", /^1 hit · 0 misses · saved 0 tokens, price unknown and /);
});

test(
  "in replay a changed prompt fails with 424 and names the change, without a key or an address",
  OWN_PROCESS,
  async () => {
    const { ask, replay } = inFile();
    await ask(["chat:Say hello"]);
    const changed = await replay(["chat:Say hellO"]);
    assert.equal(changed.code, 1);
    assert.equal(changed.answers[0]?.status, 424);
    assert.match(
      changed.answers[0]?.text ?? "",
      /differs at messages\[0\]\.content: \\"Say hellO\\" here, \\"Say hello\\" there/,
    );
    assert.equal(provider.count, 1);
    assert.match(changed.told[0] ?? "", /^0 hits · 1 miss · /);
  },
);

test(
  "a cassette recorded twice is the same file, and one that brings nothing new is left alone",
  OWN_PROCESS,
  async () => {
    const [one, other] = [inFile(), inFile()];
    await one.ask(ALL);
    await other.ask([...ALL].reverse());
    assert.equal(readFileSync(one.word, "utf8"), readFileSync(other.word, "utf8"));
    assert.doesNotMatch(readFileSync(one.word, "utf8"), /duration_ms|chunks|credential|undefined/);
    // As an editor on Windows leaves it: not one byte of it is touched.
    writeFileSync(one.word, `\ufeff${readFileSync(one.word, "utf8").replaceAll("\n", "\r\n")}`);
    utimesSync(one.word, 1, 1);
    const edited = readFileSync(one.word);
    await one.ask(["chat:one"]);
    assert.deepEqual([readFileSync(one.word), statSync(one.word).mtimeMs], [edited, 1000]);
  },
);

test(
  "lines of entries that are not recorded anew stay as they were, unused ones too",
  OWN_PROCESS,
  async () => {
    const { word, ask } = inFile();
    await ask(["chat:one", "chat:two"]);
    const before = readFileSync(word, "utf8").replace('"response":{', '"response":{ ');
    writeFileSync(word, before);
    const { told } = await ask(["chat:three"]);
    const lines = readFileSync(word, "utf8").trimEnd().split("\n");
    assert.equal(lines.length, 3);
    for (const line of before.trimEnd().split("\n")) assert.ok(lines.includes(line), line);
    assert.ok(
      told.some((text) => text.startsWith("recorded 1 answer: ")),
      told.join("\n"),
    );
  },
);

test("--prune takes away what a command that succeeded did not use", OWN_PROCESS, async () => {
  const { word, ask } = inFile();
  await ask(["chat:one", "chat:two", "embed:a,b"]);
  const before = readFileSync(word, "utf8");
  const failed = await ask(["chat:one", "exit=3"], ["--prune"]);
  assert.deepEqual([failed.code, readFileSync(word, "utf8")], [3, before]);
  assert.ok(failed.told.includes("the command failed: nothing was pruned"));
  await ask(["chat:one", "embed:a,b"], ["--prune"]);
  const left = readFileSync(word, "utf8");
  assert.deepEqual([left.includes('"two"'), left.includes('"one"')], [false, true]);
  // The inputs of a batch that was used stay with it.
  assert.equal(left.trimEnd().split("\n").length, before.trimEnd().split("\n").length - 1);
});

test("--strict fails a run that missed, and lists recordings that were not used", OWN_PROCESS, async () => {
  const { ask, replay } = inFile();
  await ask(["chat:one", "chat:please say two", "embed:a,b"]);
  const clean = await replay(["chat:one", "embed:a,b"], ["--strict"]);
  assert.equal(clean.code, 0, clean.stderr);
  const unused = clean.told.filter((text) => text.startsWith("not used: "));
  assert.equal(unused.length, 1, clean.stderr);
  assert.match(unused[0] ?? "", /^not used: chat of openai, model gpt-4o-mini: .*"please say two"/);
  const recording = await ask(["chat:one", "chat:new"], ["--strict"]);
  assert.equal(recording.code, 1);
  assert.ok(recording.told.some((text) => /^missed: the provider was called: chat of openai/.test(text)));
  const swallowed = await replay(["chat:please say twice", "exit=0"], ["--strict"]);
  assert.equal(swallowed.code, 1);
  assert.ok(
    swallowed.told.some((text) => /^missed: .*differs at messages\[0\]\.content/.test(text)),
    swallowed.stderr,
  );
  assert.equal((await replay(["chat:one", "exit=5"], ["--strict"])).code, 5);
});

test(
  "a folder holds one pretty file an entry, which may be formatted by hand and stays so",
  OWN_PROCESS,
  async () => {
    const { word, ask, replay } = inFile(`${join(tempFolder(), "tapes/llm")}/`);
    await ask(ALL);
    const names = readdirSync(word);
    assert.equal(names.length, ALL.length + 2, "an entry for each, and one for each input of the batch");
    const [first = ""] = names.filter((name) => name.includes("gpt-4o-mini-one"));
    const path = join(word, first);
    writeFileSync(path, JSON.stringify(JSON.parse(readFileSync(path, "utf8")), null, 4));
    const before = filesBelow(word).map((file) => readFileSync(file, "utf8"));
    const replayed = await replay(ALL);
    assert.equal(replayed.code, 0, replayed.stderr);
    assert.deepEqual(
      filesBelow(word).map((file) => readFileSync(file, "utf8")),
      before,
    );
    await ask(["chat:four"]);
    assert.equal(readdirSync(word).length, names.length + 1);
    assert.ok(before.includes(readFileSync(path, "utf8")));
  },
);

test("chunk times are on the cassette with --times only", OWN_PROCESS, async () => {
  const { word, ask } = inFile();
  await ask(["stream:one"], ["--times"]);
  assert.match(readFileSync(word, "utf8"), /"chunks":\[\[\d+,\d+\]/);
});

test("what is doubtful but complete is on the cassette", OWN_PROCESS, async () => {
  provider.handler = async (call) => {
    await call.body;
    const choice = { index: 0, message: { role: "assistant", content: "" }, finish_reason: "stop" };
    await call.reply({
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id: "c", object: "chat.completion", model: "m", choices: [choice] }),
    });
  };
  const { ask } = inFile();
  await ask(["chat:empty"]);
  assert.deepEqual(hits(await ask(["chat:empty"])), ["HIT"]);
  const data = join(tempFolder(), "data");
  const env = pointedAt(provider);
  await runAsking(["chat:empty"], { data, env });
  const usual = await runAsking(["chat:empty"], { data, env });
  assert.deepEqual(hits(usual), ["MISS"]);
  assert.ok(usual.told.includes("not kept: 1 empty"), usual.stderr);
});

test(
  "a broken cassette starts nothing and names the line, a missing one cannot be replayed",
  OWN_PROCESS,
  async () => {
    const { word, ask, replay } = inFile();
    const missing = await replay(["chat:one"]);
    assert.deepEqual([missing.code, missing.answers.length], [1, 0]);
    assert.match(missing.stderr, /record it first, without --mode replay/);
    await ask(["chat:one"]);
    writeFileSync(word, `${readFileSync(word, "utf8")}{"askonce":1}\n`);
    const broken = await ask(["chat:one"]);
    assert.deepEqual([broken.code, broken.answers.length], [1, 0]);
    assert.match(broken.stderr, /llm\.ndjson: line 2: request/);
    assert.equal((await runAsking(["chat:one"], { flags: ["--prune"] })).code, 2);
  },
);

test(
  "samples begin anew with each run, so that the same ones come in the same order",
  OWN_PROCESS,
  async () => {
    let count = 0;
    provider.handler = async (call) => {
      await call.body;
      count += 1;
      const choice = {
        index: 0,
        message: { role: "assistant", content: `sample ${count}` },
        finish_reason: "stop",
      };
      await call.reply({
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ id: "c", object: "chat.completion", model: "m", choices: [choice] }),
      });
    };
    const { ask, replay } = inFile();
    const words = ["auto:roll", "auto:roll", "auto:roll"];
    const first = await ask(words);
    assert.deepEqual(
      first.answers.map(({ text }) => /sample \d/.exec(text)?.[0]),
      ["sample 1", "sample 2", "sample 3"],
    );
    const again = await replay(words);
    assert.deepEqual(
      again.answers.map(({ text }) => text),
      first.answers.map(({ text }) => text),
    );
    const repeats = await ask(["chat:roll", "chat:roll", "chat:roll", "cold:roll", "cold:roll"]);
    assert.ok(
      repeats.told.some((text) => text.startsWith("2 repeats at a temperature above 0 got the first answer")),
      repeats.stderr,
    );
  },
);
