import assert from "node:assert/strict";
import { test } from "node:test";
import { Chance } from "../support/json-tree.ts";
import type { Call } from "../support/provider.ts";
import { post, send } from "../support/raw.ts";
import { fresh, session } from "../support/session.ts";
import { checkGot, drawScript, type Got, type Made, Open } from "../support/turmoil.ts";

const RUNS = 200;
const BATCH = 20;
const CHAT = "/openai/v1/chat/completions";

const run = session({ names: ["openai"], flags: ["--log", "off"] });

/** Some turns of the loop. */
async function dawdle(chance: Chance): Promise<void> {
  for (let turns = chance.below(6); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
}

const asking = (question: string) => ({ model: "m", messages: [{ role: "user", content: question }] });

/** What the scripted provider does in one run, with everything that went wrong. */
class Turmoil {
  readonly made: Made[] = [];
  readonly open = new Open();
  readonly faults: unknown[] = [];

  constructor(readonly chance: Chance) {}

  async answer(call: Call, question: string): Promise<void> {
    const { chance, open } = this;
    const script = drawScript(chance, this.made.length);
    this.made.push({ script, question, credential: call.header("authorization") ?? "" });
    try {
      open.begin(question, script.id);
    } catch (fault) {
      this.faults.push(fault);
    }
    void call.closed.then(() => open.end(question, script.id));
    await dawdle(chance);
    if (script.status !== 200) open.end(question, script.id);
    if (script.end === "refused") return call.reset();
    const head = { status: script.status, headers: { "Content-Type": script.type } };
    await call.head({ ...head, framing: "chunked" });
    for (const piece of script.pieces) {
      await dawdle(chance);
      await call.chunk(piece);
    }
    open.end(question, script.id);
    if (script.end === "clean") await call.end();
    else if (chance.maybe(50)) call.reset();
    else call.cut();
  }

  async client(question: string): Promise<Got> {
    const { chance } = this;
    for (let waits = chance.below(6); waits > 0; waits--) await dawdle(chance);
    const credential = chance.one(["Bearer sk-1", "Bearer sk-2", "Bearer sk-3"]);
    const leaves = chance.below(5);
    const request = {
      path: CHAT,
      headers: { authorization: credential },
      body: JSON.stringify(asking(question)),
    };
    const connection = await send(run.port, request);
    if (leaves === 0) {
      await dawdle(chance);
      const { status, text } = connection.soFar;
      connection.destroy();
      return { question, credential, status, word: undefined, text, end: "left" };
    }
    const answer = await connection.answer(20_000);
    connection.destroy();
    const { status, text, cache } = answer;
    assert.notEqual(answer.ending, "timeout", `hangs: ${text}`);
    const end = answer.ending === "complete" ? "whole" : status === 0 ? "left" : "broken";
    return { question, credential, status, word: cache, text, end };
  }
}

async function turmoil(
  seed: number,
  runs: Map<string, Turmoil>,
): Promise<{ calls: number; clients: number; kept: number }> {
  const chance = new Chance(seed);
  const self = new Turmoil(chance);
  const question = fresh(`turmoil-${seed}-`);
  runs.set(question, self);
  const clients = 2 + chance.below(9);
  const got = await Promise.all(Array.from({ length: clients }, () => self.client(question)));
  if (self.faults.length > 0) throw self.faults[0];
  for (const one of got) checkGot(one, self.made);
  // A client that left may have left a call behind, which goes on: it ends by itself.
  const headers = { authorization: "Bearer sk-1", "cache-control": "only-if-cached" };
  const stored = await post(run.port, CHAT, { body: asking(question), headers });
  const well = self.made.filter(({ script }) => script.well).map(({ script }) => script.pieces.join(""));
  const kept = stored.cache === "HIT";
  if (kept)
    assert.ok(well.includes(stored.text), `kept what no call that ended well has sent: ${stored.text}`);
  return { calls: self.made.length, clients, kept: Number(kept) };
}

test(`in ${RUNS} random interleavings over sockets nobody hangs, gets a wrong byte or a stored part, and no two calls are one question's`, async () => {
  const runs = new Map<string, Turmoil>();
  run.script("openai", async (call) => {
    const question = String((await call.json()).messages[0].content);
    await runs.get(question)?.answer(call, question);
  });
  const sum = { calls: 0, clients: 0, kept: 0 };
  for (let from = 1; from <= RUNS; from += BATCH) {
    const ended = await Promise.all(
      Array.from({ length: BATCH }, (_, i) =>
        turmoil(from + i, runs).catch((error) => {
          throw new Error(`seed ${from + i}: ${error instanceof Error ? error.message : error}`, {
            cause: error,
          });
        }),
      ),
    );
    for (const one of ended)
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += one[name];
  }
  assert.ok(sum.calls < sum.clients && sum.kept > RUNS / 4, JSON.stringify(sum));
});
