/** Random traffic in this process: clients come, join, dawdle and leave while the provider answers, fails and breaks. */
import assert from "node:assert/strict";
import { memoryStore } from "../../src/cache/memory.ts";
import type { Store } from "../../src/cache/store.ts";
import { StoreFault } from "../../src/errors.ts";
import type { UpstreamInit } from "../../src/host.ts";
import { CHAT, type Journey, journey } from "./journey.ts";
import { Chance } from "./json-tree.ts";
import { checkGot, drawScript, type Got, type Made, Open, type Script } from "./turmoil.ts";

export interface Ended {
  readonly calls: number;
  readonly clients: number;
  readonly joined: number;
  readonly kept: number;
}

/** Some turns of the microtasks, now and then of the loop. */
async function dawdle(chance: Chance): Promise<void> {
  const turns = chance.below(14);
  if (turns === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  for (let turn = 0; turn < turns; turn++) await Promise.resolve();
}

/** Throws with what was seen where a promise of the flights is broken. */
export async function turmoil(seed: number): Promise<Ended> {
  const chance = new Chance(seed);
  const perCredential = chance.maybe(30);
  const made: Made[] = [];
  const open = new Open();
  const faults: unknown[] = [];
  const faulty = new Set<number>();
  const answered = new Set<string>();
  const provider = async (_url: string, init: UpstreamInit): Promise<Response> => {
    const question = String(
      JSON.parse(new TextDecoder().decode(init.body as Uint8Array)).messages[0].content,
    );
    const credential = init.headers.get("authorization") ?? "";
    const script = drawScript(chance, made.length);
    made.push({ script, question, credential });
    const key = perCredential ? `${question} ${credential}` : question;
    try {
      open.begin(key, script.id);
      assert.ok(
        faulty.size > 0 || !answered.has(key),
        `call ${script.id} asks what was answered well before`,
      );
    } catch (error) {
      faults.push(error);
    }
    await dawdle(chance);
    if (script.status !== 200) open.end(key, script.id);
    if (script.end === "refused") throw new TypeError("connection refused");
    return answer(script, {
      chance,
      signal: init.signal,
      ended: (how) => {
        open.end(key, script.id);
        if (how === "clean" && script.well) answered.add(key);
      },
    });
  };
  const memory = memoryStore({ maxBytes: 1024 * 1024 });
  const store: Store = {
    ...memory,
    async put(entry, options) {
      await dawdle(chance);
      if (chance.maybe(5)) {
        for (const { script } of made) faulty.add(script.id);
        throw new StoreFault("the disk is full");
      }
      return memory.put(entry, options);
    },
  };
  const flags: [string, string][] = perCredential ? [["--scope", "credential"]] : [];
  const run = journey({ store, provider, flags });
  const clients = 2 + chance.below(9);
  const got = await Promise.all(
    Array.from({ length: clients }, () => client(run, chance, chance.one(["q-1", "q-1", "q-2"]))),
  );
  await run.parts.flights.settled();
  await new Promise((resolve) => setTimeout(resolve, 0));

  if (faults.length > 0) throw faults[0];
  for (const one of got) checkGot(one, made);
  const { flights, budget, unread } = run.parts;
  assert.deepEqual(
    [flights.size, budget.used, unread.count],
    [0, 0, 0],
    "flights, bytes and unread calls left over",
  );
  assert.deepEqual(run.reports, []);
  let kept = 0;
  for (const question of ["q-1", "q-2"])
    kept += await checkKept(run, { question, made, perCredential, faulty });
  const joined = got.filter(({ word }) => word === "MISS").length - made.length;
  return { calls: made.length, clients, joined: Math.max(0, joined), kept };
}

function answer(
  script: Script,
  { chance, signal, ended }: { chance: Chance; signal: AbortSignal; ended: (how: "clean" | "cut") => void },
): Response {
  const pieces = [...script.pieces];
  let over = false;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        signal.addEventListener("abort", () => {
          if (over) return;
          over = true;
          ended("cut");
          controller.error(new DOMException("aborted", "AbortError"));
        });
      },
      async pull(controller) {
        await dawdle(chance);
        if (over) return;
        const piece = pieces.shift();
        if (piece !== undefined) return controller.enqueue(new TextEncoder().encode(piece));
        over = true;
        ended(script.end === "clean" ? "clean" : "cut");
        if (script.end === "clean") controller.close();
        else controller.error(new TypeError("connection reset"));
      },
    },
    { highWaterMark: 0 },
  );
  const headers: Record<string, string> = { "content-type": script.type };
  const whole = new TextEncoder().encode(script.pieces.join("")).byteLength;
  if (script.end === "clean" && chance.maybe(50)) headers["content-length"] = String(whole);
  return new Response(body, { status: script.status, headers });
}

async function client(run: Journey, chance: Chance, question: string): Promise<Got> {
  for (let waits = chance.below(12); waits > 0; waits--) await dawdle(chance);
  const credential = chance.one(["Bearer sk-1", "Bearer sk-2", "Bearer sk-3"]);
  const gone = new AbortController();
  const leaves = chance.below(5);
  if (leaves === 0)
    void dawdle(chance)
      .then(() => dawdle(chance))
      .then(() => gone.abort());
  const body = { model: "m", messages: [{ role: "user", content: question }] };
  const response = await run.ask({
    path: CHAT,
    body,
    headers: { authorization: credential },
    signal: gone.signal,
  });
  const word = response.headers.get("x-cache-status") ?? undefined;
  const seen = { question, credential, status: response.status, word };
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let reads = 0; reader !== undefined; reads++) {
    await dawdle(chance);
    if (leaves === 1 && reads >= 2) {
      await reader.cancel();
      return { ...seen, text, end: "left" };
    }
    try {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    } catch {
      return { ...seen, text, end: gone.signal.aborted ? "left" : "broken" };
    }
  }
  return { ...seen, text, end: gone.signal.aborted ? "left" : "whole" };
}

/** What is kept is a whole answer that ended well; and one that ended well is kept. */
async function checkKept(
  run: Journey,
  options: { question: string; made: readonly Made[]; perCredential: boolean; faulty: ReadonlySet<number> },
): Promise<number> {
  const { question, made, perCredential, faulty } = options;
  let kept = 0;
  for (const credential of perCredential ? ["Bearer sk-1", "Bearer sk-2", "Bearer sk-3"] : ["Bearer sk-1"]) {
    const body = { model: "m", messages: [{ role: "user", content: question }] };
    const response = await run.ask({
      body,
      headers: { authorization: credential, "cache-control": "only-if-cached" },
    });
    const text = await response.text();
    const mine = made.filter(
      (one) => one.question === question && (!perCredential || one.credential === credential),
    );
    const well = mine.filter(({ script }) => script.well);
    if (response.headers.get("x-cache-status") === "HIT") {
      kept++;
      assert.ok(
        well.some(({ script }) => script.pieces.join("") === text),
        `kept what no call that ended well has sent: ${text}`,
      );
    } else
      assert.ok(
        well.every(({ script }) => faulty.has(script.id)),
        `not kept: ${JSON.stringify(well)}`,
      );
  }
  return kept;
}
