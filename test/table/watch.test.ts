import assert from "node:assert/strict";
import { test } from "node:test";
import { asCacheKey } from "../../src/cache/entry.ts";
import { summary } from "../../src/cli/run-report.ts";
import type { RequestEvent } from "../../src/journal/event.ts";
import type { Call } from "../../src/proxy/call.ts";
import type { Job } from "../../src/proxy/flight.ts";
import { Watch } from "../../src/proxy/watch.ts";

const KEY = asCacheKey("a".repeat(64))!;
let ids = 0;

/** One request from its question to its event. */
function asked(
  watch: Watch,
  outcome: RequestEvent["outcome"],
  more: {
    kind?: string;
    json?: object;
    headers?: Record<string, string>;
    event?: Partial<RequestEvent>;
  } = {},
): void {
  const { kind = "chat", json = {}, headers = {}, event = {} } = more;
  ids += 1;
  const id = `r${ids}`;
  const call = { id, request: new Request("http://h/", { headers }) } as unknown as Call;
  watch.asked(call, {
    key: KEY,
    ownKey: KEY,
    plan: { read: true },
    asked: { endpoint: { kind }, json },
  } as unknown as Job);
  watch.answered({
    requestId: id,
    outcome,
    key: KEY,
    status: 200,
    method: "POST",
    endpoint: kind,
    provider: "openai",
    ...event,
  } as RequestEvent);
}

test("answers after the first of a question are repeats, but for those that the provider gave anew", () => {
  const watch = new Watch();
  asked(watch, "miss");
  assert.equal(watch.watched().repeats, 0);
  asked(watch, "hit");
  asked(watch, "joined");
  assert.equal(watch.watched().repeats, 2);
  asked(watch, "miss");
  assert.equal(watch.watched().repeats, 2);
  const stored = new Watch();
  asked(stored, "hit");
  assert.equal(stored.watched().repeats, 0, "the first of this run");
});

test("a temperature of 0, an SDK's retry, a failure and what draws no lots are no repeats", () => {
  for (const more of [
    { json: { temperature: 0 } },
    { json: { generationConfig: { temperature: 0 } } },
    { json: { options: { temperature: 0 } } },
    { headers: { "x-stainless-retry-count": "1" } },
    { event: { status: 503 } },
    { kind: "embeddings" },
  ]) {
    const watch = new Watch();
    asked(watch, "miss", more);
    asked(watch, "hit", more);
    assert.equal(watch.watched().repeats, 0, JSON.stringify(more));
  }
});

test("misses are told in words, probes and joiners are none, and only so many are told", () => {
  const watch = new Watch();
  asked(watch, "joined");
  asked(watch, "bypassed", { event: { method: "HEAD" } });
  asked(watch, "refused", { event: { detail: "invalid_control" } });
  assert.deepEqual(watch.watched().missed, []);
  for (let at = 0; at < 23; at++) asked(watch, "miss", { event: { model: `m-${at}` } });
  const { missed, missedMore } = watch.watched();
  assert.deepEqual([missed.length, missedMore], [20, 3]);
  assert.equal(missed[0], "the provider was called: chat of openai, model m-0");
});

test("what replay and only-if-cached refuse are misses of the last line, what a setting refuses is none", () => {
  const watch = new Watch();
  asked(watch, "hit");
  asked(watch, "miss");
  asked(watch, "refused", { event: { status: 424, detail: "replay_miss" } });
  asked(watch, "refused", { event: { status: 504, detail: "only_if_cached_miss" } });
  asked(watch, "refused", { event: { status: 400, detail: "invalid_control" } });
  asked(watch, "refused", { event: { status: 424, detail: "replay_miss", method: "HEAD" } });
  const watched = watch.watched();
  assert.equal(watched.unanswered, 2);
  assert.equal(watched.missed.length, 3);
  assert.match(summary(watched), /^1 hit · 3 misses · /);
});

test("a hit without a price is not free, a look-up is", () => {
  const watch = new Watch();
  asked(watch, "hit", { kind: "images", event: { saved: { ms: 900 } } });
  asked(watch, "hit", { kind: "other", event: { saved: { ms: 5 } } });
  asked(watch, "hit", { event: { status: 404, saved: { ms: 0 } } });
  asked(watch, "hit", { event: { saved: { ms: 100, inputTokens: 3, outputTokens: 4, costUsd: 0.5 } } });
  const { saved, unpriced } = watch.watched();
  assert.deepEqual([saved, unpriced], [{ tokens: 7, usd: 0.5, ms: 1005 }, 1]);
});
