import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { target } from "../support/askonce.ts";
import { BODIES } from "../support/odd-bodies.ts";
import { HEADS } from "../support/odd-heads.ts";
import { type Odd, type Random, seeded } from "../support/odd-message.ts";
import { startProvider } from "../support/provider.ts";
import { post, RawConnection } from "../support/raw.ts";
import { fresh, inParallel, session } from "../support/session.ts";

const run = session({ flags: ["--log", "off"] });
const KINDS = { ...BODIES, ...HEADS };
const COUNT = 10_000;
const SEED = 20_260_101;

/** Sends one; the answers' statuses, or how the connection ended. */
async function play(odd: Odd): Promise<string> {
  const client = await RawConnection.open(run.port);
  const method = new TextDecoder("latin1").decode(odd.bytes.subarray(0, 5));
  client.method = method === "HEAD " ? "HEAD" : "POST";
  await client.write(odd.bytes);
  if (odd.leave) {
    client.destroy();
    return "left";
  }
  if (odd.halfClose) client.end();
  const answer = await client.answer(8000);
  client.destroy();
  return answer.status === 0 ? answer.ending : String(answer.status);
}

test("10,000 odd requests bring no crash, no 5xx of askonce's own and no call to another host", {
  timeout: 300_000,
}, async () => {
  let strangers = 0;
  const other = await startProvider(() => {
    strangers += 1;
  });
  const random = seeded(SEED);
  const names = Object.keys(KINDS);
  const counts: Record<string, Record<string, number>> = {};
  const astray = new Set<string>();
  // 505 and 501 are what the server says, before a handler sees it, to a version or a method that it does not speak.
  const unwanted = new Map<string, string>();
  const plan = Array.from({ length: COUNT }, (_, i) => {
    const kind = names[i % names.length] as string;
    return { kind, odd: (KINDS[kind] as (random: Random, decoy: number) => Odd)(random, other.port) };
  });
  const begun = performance.now();
  // Rounds of one set of permitted providers each, so that a call astray can be told.
  for (const may of new Set(plan.map(({ odd }) => odd.may.join()))) {
    const round = plan.filter(({ odd }) => odd.may.join() === may);
    await inParallel(round.length, 32, async (i) => {
      const { kind, odd } = round[i] as (typeof round)[number];
      const outcome = await play(odd).catch((fault) => `failed: ${fault.code ?? fault}`);
      counts[kind] ??= {};
      counts[kind][outcome] = (counts[kind][outcome] ?? 0) + 1;
      if (/^5(?!0[15])|^failed|timeout/.test(outcome)) {
        const [first = ""] = preview(odd.bytes).split(" HTTP/1.1");
        unwanted.set(`${kind}: ${outcome}: ${first.slice(0, 30)}`, preview(odd.bytes));
      }
      for (const name of run.providers.called) {
        if (!may.split(",").includes(name))
          astray.add(`${name}: ${run.providers.named(name).calls[0]?.target.slice(0, 80)}`);
      }
      if (i % 500 === 0) run.providers.forget();
    });
    run.providers.forget();
  }
  console.log(`${target}: ${COUNT} odd requests in ${Math.round(performance.now() - begun)} ms`);
  for (const [kind, outcomes] of Object.entries(counts))
    console.log(`  ${kind}: ${JSON.stringify(outcomes)}`);
  await other.close();
  assert.ok(run.server.running, run.server.stderr.slice(-2000));
  assert.deepEqual(Object.fromEntries([...unwanted].slice(0, 20)), {});
  assert.deepEqual([...astray].slice(0, 20), []);
  assert.equal(strangers + other.connections, 0, "calls to a host that only a request named");
  assert.doesNotMatch(run.server.stderr, /\n\s+at .*\.ts:\d/, "no stack traces");
  run.script("openai", answerWell);
  const answer = await post(run.port, openai.path, { body: openai.request(fresh(), false) });
  assert.deepEqual([answer.status, answer.cache], [200, "MISS"]);
});

function preview(bytes: Uint8Array): string {
  return JSON.stringify(new TextDecoder("latin1").decode(bytes.subarray(0, 120)));
}
