/** Events for tests of the journal: one of each kind, with what differs spelled out. */
import type { CacheKey } from "../../src/cache/entry.ts";
import type { RequestEvent } from "../../src/journal/event.ts";

/** 2023-11-14 22:13:20 UTC: no whole minute. */
export const START = 1_700_000_000_000;

export function requestEvent(more: Partial<RequestEvent> = {}): RequestEvent {
  return {
    at: START,
    remote: "127.0.0.1",
    method: "POST",
    target: "/openai/v1/chat/completions",
    status: 200,
    bytes: 100,
    userAgent: "test",
    referer: undefined,
    cache: "MISS",
    detail: undefined,
    requestId: "req_1",
    provider: "openai",
    endpoint: "chat",
    model: "gpt-5-mini",
    namespace: "",
    key: "a".repeat(64) as CacheKey,
    firstByteMs: 100,
    totalMs: 300,
    usage: { inputTokens: 10, outputTokens: 5 },
    costUsd: 0.002,
    paid: true,
    aborted: false,
    outcome: "miss",
    notKept: undefined,
    credential: "",
    saved: undefined,
    shared: undefined,
    unread: false,
    ...more,
  };
}

export function hitEvent(more: Partial<RequestEvent> = {}): RequestEvent {
  return requestEvent({
    cache: "HIT",
    outcome: "hit",
    usage: undefined,
    costUsd: undefined,
    paid: false,
    firstByteMs: 0.2,
    totalMs: 0.4,
    saved: { inputTokens: 10, outputTokens: 5, costUsd: 0.002, ms: 300 },
    ...more,
  });
}
