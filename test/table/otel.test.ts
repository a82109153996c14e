import assert from "node:assert/strict";
import { test } from "node:test";
import type { UpstreamInit } from "../../src/host.ts";
import type { RequestEvent } from "../../src/journal/event.ts";
import { createTraces } from "../../src/journal/otel.ts";
import { hitEvent, requestEvent } from "../support/events.ts";

interface Sent {
  readonly url: string;
  readonly spans: readonly {
    readonly traceId: string;
    readonly spanId: string;
    readonly name: string;
    readonly kind: number;
    readonly startTimeUnixNano: string;
    readonly endTimeUnixNano: string;
    readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
    readonly status: { readonly code?: number };
  }[];
}

function start(endpoint: string, answer: () => Response = () => new Response("{}")) {
  const sent: Sent[] = [];
  const reports: string[] = [];
  const followers = new Set<(event: RequestEvent) => void>();
  const where = { endpoint };
  const traces = createTraces({
    endpoint: () => where.endpoint,
    journal: {
      follow(listener) {
        followers.add(listener);
        return () => followers.delete(listener);
      },
    },
    fetch: async (url: string, init: UpstreamInit) => {
      assert.equal(init.method, "POST");
      assert.equal(init.headers.get("content-type"), "application/json");
      const text = new TextDecoder().decode(init.body as Uint8Array);
      sent.push({ url, spans: JSON.parse(text).resourceSpans[0].scopeSpans[0].spans });
      return answer();
    },
    report: (message) => reports.push(message),
    version: "1.2.3",
  });
  const tell = (event: RequestEvent) => {
    for (const follower of followers) follower(event);
  };
  return { traces, sent, reports, followers, where, tell };
}

test("without an endpoint nobody follows the journal", () => {
  assert.equal(start("").followers.size, 0);
});

test("each proxied request is a span with its model, tokens, price and cache status", async () => {
  const { traces, sent, tell } = start("http://127.0.0.1:4318/");
  tell(requestEvent({ at: 1_700_000_000_123.5, totalMs: 250.25, costUsd: 1, endpoint: "messages" }));
  tell(hitEvent({ status: 500, model: undefined }));
  tell(requestEvent({ provider: undefined }));
  await traces.close();
  assert.equal(sent.length, 1);
  assert.equal(sent[0]?.url, "http://127.0.0.1:4318/v1/traces");
  const [call, hit, ...others] = sent[0]!.spans;
  assert.deepEqual(others, []);
  assert.match(call!.traceId, /^[0-9a-f]{32}$/);
  assert.match(call!.spanId, /^[0-9a-f]{16}$/);
  assert.deepEqual(
    [call!.name, call!.kind, call!.startTimeUnixNano, call!.endTimeUnixNano, call!.status],
    ["chat gpt-5-mini", 3, "1700000000123500000", "1700000000373750000", {}],
  );
  const told = new Map(call!.attributes.map(({ key, value }) => [key, value]));
  assert.deepEqual(told.get("gen_ai.operation.name"), { stringValue: "chat" });
  assert.deepEqual(told.get("gen_ai.provider.name"), { stringValue: "openai" });
  assert.deepEqual(told.get("gen_ai.usage.input_tokens"), { intValue: "10" });
  assert.deepEqual(told.get("askonce.cost_usd"), { doubleValue: 1 });
  assert.deepEqual(told.get("askonce.cache_status"), { stringValue: "MISS" });
  assert.ok(!told.has("askonce.saved_usd"));
  assert.deepEqual([hit!.name, hit!.kind, hit!.status], ["chat", 2, { code: 2 }]);
});

test("a collector that refuses is named once, and its traces are dropped", async () => {
  const { traces, sent, reports, tell } = start(
    "http://127.0.0.1:4318/v1/traces",
    () => new Response(null, { status: 503 }),
  );
  for (let n = 0; n < 3_000; n++) tell(requestEvent());
  await traces.close();
  assert.equal(sent.length, 1);
  assert.equal(sent[0]?.spans.length, 512);
  assert.deepEqual(reports, ["otel_endpoint: 127.0.0.1:4318 takes no traces (status 503): they are dropped"]);
});

test("a slow collector's queue is bounded, and what did not fit is counted", async () => {
  const { traces, sent, reports, tell } = start("http://127.0.0.1:4318");
  for (let n = 0; n < 3_000; n++) tell(requestEvent());
  await traces.close();
  assert.equal(
    sent.reduce((sum, { spans }) => sum + spans.length, 0),
    2_048,
  );
  assert.deepEqual(reports, ["otel_endpoint: 127.0.0.1:4318 is too slow: 952 traces were dropped"]);
});

test("a reload moves the traces to another collector or ends them", async () => {
  const { traces, sent, followers, where, tell } = start("http://127.0.0.1:1");
  tell(requestEvent());
  where.endpoint = "http://127.0.0.1:2";
  traces.reload();
  tell(requestEvent());
  await traces.close();
  assert.deepEqual(sent.map(({ url }) => url).sort(), [
    "http://127.0.0.1:1/v1/traces",
    "http://127.0.0.1:2/v1/traces",
  ]);
  where.endpoint = "";
  traces.reload();
  assert.equal(followers.size, 0);
});
