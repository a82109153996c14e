import assert from "node:assert/strict";
import { test } from "node:test";
import { quantile } from "../../src/admin/stats.ts";
import { LATENCY_BINS, type StatsFigures } from "../../src/cache/figures.ts";
import type { RequestEvent } from "../../src/journal/event.ts";
import { desk, EXPLAINED, event, keyNumber, NO_FIGURES, NOW } from "../support/admin.ts";

type Json = Record<string, unknown>;

async function json(answer: Response, status = 200): Promise<Json> {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return JSON.parse(text) as Json;
}

const bins = (...given: [bin: number, times: number][]) => {
  const all = LATENCY_BINS.map(() => 0).concat(0);
  for (const [bin, times] of given) all[bin] = times;
  return all;
};

test("statistics name every sum in snake case, money to nine digits, and flush the journal first", async () => {
  const figures: StatsFigures = {
    ...{
      requests: 20,
      hits: 10,
      misses: 4,
      partial: 1,
      joined: 2,
      bypassed: 2,
      refused: 1,
      errors: 3,
      aborted: 5,
    },
    ...{
      bytes: 1000,
      calls: 6,
      spentTokens: 70,
      spentUsd: 0.1 + 0.2,
      refreshes: 1,
      refreshTokens: 7,
      refreshUsd: 0.01,
    },
    ...{
      unread: 2,
      unreadTokens: 8,
      unreadUsd: 0.02,
      savedTokens: 99.6,
      savedUsd: 1.2345678912,
      savedMs: 1234.5,
    },
    ...{ joinedTokens: 9, joinedUsd: 0.03, unpriced: 4, notKept: { status: 2, incomplete: 1 } },
    ...{ hitLatency: bins([1, 10]), missLatency: bins([12, 4]) },
  };
  const order: string[] = [];
  const one = desk({
    async stats(query) {
      order.push("stats");
      assert.deepEqual(query, { since: NOW - 86_400_000, by: "model" });
      return {
        ...{ total: figures, stepMs: 60_000, groups: [{ name: "gpt", ...figures }] },
        series: [{ at: NOW - 60_000, ...NO_FIGURES }],
      };
    },
  });
  one.parts.journal.flush = async () => void order.push("flush");
  const stats = await json(await one.ask("GET", "/admin/api/stats?by=model"));
  assert.deepEqual(order, ["flush", "stats"]);
  const total = {
    ...{
      requests: 20,
      hits: 10,
      misses: 4,
      partial: 1,
      joined: 2,
      bypassed: 2,
      refused: 1,
      errors: 3,
      aborted: 5,
    },
    ...{
      bytes: 1000,
      calls: 6,
      not_kept: { status: 2, incomplete: 1 },
      saved_tokens: 100,
      saved_usd: 1.234567891,
    },
    ...{
      saved_ms: 1235,
      spent_tokens: 70,
      spent_usd: 0.3,
      refreshes: 1,
      refresh_tokens: 7,
      refresh_usd: 0.01,
    },
    ...{ unread: 2, unread_tokens: 8, unread_usd: 0.02, joined_tokens: 9, joined_usd: 0.03, unpriced: 4 },
    ...{ hit_p50_ms: 0.38, hit_p99_ms: 0.5, miss_p50_ms: 750, miss_p99_ms: 995 },
  };
  assert.deepEqual(stats.total, total);
  assert.deepEqual(stats.groups, [{ name: "gpt", ...total }]);
  const [step] = stats.series as [Json];
  assert.deepEqual([step.at, step.requests, step.hit_p50_ms], ["2026-11-23T11:59:00.000Z", 0, null]);
  assert.deepEqual(stats.store, { entries: 0, bytes: 4096, evictions: 0, archive_bytes: 2048 });
  assert.deepEqual([stats.since, stats.by, stats.step_ms], ["2026-11-22T12:00:00.000Z", "model", 60_000]);
});

test("since takes a duration, forever or a time with its zone, and refuses anything else", async () => {
  const cases: [string, number][] = [
    ["1h", NOW - 3_600_000],
    ["0", NOW],
    ["forever", 0],
    ["99999999d", 0],
    ["2026-11-23T10:00:00Z", NOW - 7_200_000],
    ["2026-11-23T10:00:00.250+01:00", NOW - 3 * 3_600_000 + 250],
    ["2026-11-23 10:00:00-00:30", NOW - 5_400_000],
    ["0001-01-01T00:00:00Z", 0],
  ];
  const one = desk();
  for (const [since, want] of cases) {
    await json(await one.ask("GET", `/admin/api/stats?since=${encodeURIComponent(since)}`));
    assert.deepEqual(one.asked.pop()?.of, { since: want, by: undefined }, since);
  }
  for (const since of [
    "",
    "yesterday",
    "24",
    "1h30m",
    "-1h",
    "2026-11-23",
    "2026-11-23T10:00:00",
    "2026-11-23T25:00:00Z",
  ]) {
    assert.equal((await one.ask("GET", `/admin/api/stats?since=${since}`)).status, 400, since);
  }
  assert.equal((await one.ask("GET", "/admin/api/stats?by=colour")).status, 400);
});

test("groups by credential say the operator's name and the label", async () => {
  const one = desk({
    stats: async () => ({
      ...{ total: NO_FIGURES, series: [], stepMs: 60_000 },
      groups: ["0123456789ab", "ba9876543210", ""].map((name) => ({ name, ...NO_FIGURES })),
    }),
  });
  const { groups } = await json(await one.ask("GET", "/admin/api/stats?by=credential"));
  assert.deepEqual(
    (groups as Json[]).map(({ name, label }) => [name, label]),
    [
      ["evaluation", "0123456789ab"],
      ["ba9876543210", "ba9876543210"],
      ["", ""],
    ],
  );
});

test("a quantile lies in the bin that its share of the requests ends in", () => {
  assert.equal(quantile([], 0.5), null);
  assert.equal(quantile(bins([0, 4]), 0.5), 0.13);
  assert.equal(quantile(bins([3, 1], [5, 1]), 0.5), 2);
  assert.equal(quantile(bins([3, 1], [5, 1]), 0.99), 7.92);
  assert.equal(quantile(bins([3, 99], [21, 1]), 0.5), 1.51);
  assert.equal(quantile(bins([21, 1]), 1), 512_000);
});

test("single requests come as rows, after a flush, filtered and paged", async () => {
  const { saved, usage, ...row } = event({ requestId: "req_9" }) as RequestEvent & Json;
  const one = desk();
  one.journal.push({ ...row, inputTokens: 3, outputTokens: 4.4, savedUsd: 0.25, costUsd: undefined });
  const page = await json(
    await one.ask("GET", "/admin/api/requests?limit=7&cursor=99&cache=HIT&provider=openai"),
  );
  assert.deepEqual(one.asked.pop()?.of, { limit: 7, before: 99, cache: "HIT", provider: "openai" });
  assert.deepEqual(page, {
    requests: [
      {
        ...{
          at: "2026-11-23T12:00:00.000Z",
          request_id: "req_9",
          method: "POST",
          path: "/openai/v1/chat/completions",
        },
        ...{
          status: 200,
          cache: "HIT",
          outcome: "hit",
          detail: null,
          provider: "openai",
          endpoint: "chat",
          model: "m",
        },
        ...{ namespace: "", credential: "", key: keyNumber(1), bytes: 10, first_byte_ms: 0.5, total_ms: 1 },
        ...{ input_tokens: 3, output_tokens: 4, cost_usd: null, saved_usd: 0.25 },
      },
    ],
    next_cursor: null,
  });
});

test("events begin with a comment, tell each request as it ends, and end with the process", async () => {
  const one = desk();
  const answer = await one.ask("GET", "/admin/api/events");
  assert.equal(answer.headers.get("content-type"), "text/event-stream");
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, ": askonce\n\n");
  const miss = event({
    ...{ cache: "MISS", outcome: "miss", saved: undefined, costUsd: 0.125, notKept: "incomplete" },
    usage: { inputTokens: 5, outputTokens: 6 },
  });
  const next = reader.read();
  for (const follower of one.followers) follower(event());
  const [name, data] = (await next).value!.split("\n");
  assert.equal(name, "event: request");
  const hit = JSON.parse(data!.slice("data: ".length)) as Json;
  assert.deepEqual([hit.cache, hit.input_tokens, hit.saved_usd, hit.cost_usd], ["HIT", 3, 0.25, null]);
  for (const follower of one.followers) follower(miss);
  const told = JSON.parse((await reader.read()).value!.split("data: ")[1]!) as Json;
  assert.deepEqual(
    [told.cache, told.input_tokens, told.cost_usd, told.detail],
    ["MISS", 5, 0.125, "incomplete"],
  );
  one.ending.abort();
  assert.equal((await reader.read()).done, true);
  assert.equal(one.followers.size, 0);
});

test("a reader too slow for the events is told how many it missed, and one that leaves is forgotten", async () => {
  const one = desk();
  const reader = (await one.ask("GET", "/admin/api/events"))
    .body!.pipeThrough(new TextDecoderStream())
    .getReader();
  await reader.read();
  for (let at = 0; at < 5_000; at++) for (const follower of one.followers) follower(event());
  let text = "";
  while (!text.includes("event: dropped")) text += (await reader.read()).value;
  const dropped = Number(/"dropped":(\d+)/.exec(text)?.[1]);
  assert.equal(text.split("event: request").length - 1 + dropped, 5_000);
  assert.ok(dropped >= 3_000, String(dropped));
  await reader.cancel();
  assert.equal(one.followers.size, 0);
  await one.ask("HEAD", "/admin/api/events");
  assert.equal(one.followers.size, 0);
});

test("a reader that takes nothing does not hold the end up, and one too many is refused", async () => {
  const one = desk();
  const stalled = await one.ask("GET", "/admin/api/events");
  const others = await Promise.all(Array.from({ length: 63 }, () => one.ask("GET", "/admin/api/events")));
  const refused = await one.ask("GET", "/admin/api/events");
  assert.deepEqual([refused.status, /too_many_readers/.test(await refused.text())], [503, true]);
  assert.equal(one.followers.size, 64);
  await Promise.all(others.map((other) => other.body!.cancel()));
  assert.equal(one.followers.size, 1);
  assert.equal((await one.ask("GET", "/admin/api/events")).status, 200);
  const reader = stalled.body!.getReader();
  one.ending.abort();
  await assert.rejects(reader.closed);
  assert.equal(one.followers.size, 0);
});

test("credentials are listed by label and given names, and an unknown label is a 404", async () => {
  const one = desk();
  assert.deepEqual(await json(await one.ask("GET", "/admin/api/credentials")), {
    credentials: [
      {
        ...{ label: "0123456789ab", name: "evaluation" },
        ...{ first_seen_at: "2026-11-23T11:00:00.000Z", last_seen_at: "2026-11-23T12:00:00.000Z" },
      },
    ],
  });
  const patch = (label: string, name: unknown) =>
    one.ask("PATCH", `/admin/api/credentials/${label}`, { body: { name } });
  assert.deepEqual(await json(await patch("0123456789ab", "Zoë’s runs")), {
    label: "0123456789ab",
    name: "Zoë’s runs",
  });
  assert.equal((await patch("0123456789ab", "")).status, 200);
  assert.equal((await patch("ffffffffffff", "x")).status, 404);
  for (const name of ["two\nlines", "\u001b[31m", "x".repeat(101), 5]) {
    assert.equal((await patch("0123456789ab", name)).status, 400, JSON.stringify(name));
  }
  assert.equal((await patch("sk-0123", "x")).status, 400);
});

test("mode and TTL change and say so in the log; another setting is a 400", async () => {
  const one = desk();
  const before = await json(await one.ask("GET", "/admin/api/config"));
  assert.deepEqual(before.changeable, ["mode", "ttl"]);
  const names = (before.settings as Json) ?? {};
  assert.deepEqual([names.mode, names.ttl, names["upstream.timeout"]], ["cache", "4d", "15m"]);
  const after = await json(
    await one.ask("PATCH", "/admin/api/config", { body: { mode: "replay", ttl: "forever" } }),
  );
  assert.deepEqual([(after.settings as Json).mode, (after.settings as Json).ttl], ["replay", "forever"]);
  assert.deepEqual(one.reports, [
    "changed through the admin API until the restart: mode = replay, ttl = forever",
  ]);
  for (const body of [{}, { scope: "shared" }, { mode: "off" }, { ttl: 5 }, { ttl: "4 d" }]) {
    assert.equal((await one.ask("PATCH", "/admin/api/config", { body })).status, 400);
  }
  assert.equal(one.reports.length, 1);
});

test("status says what runs and how its store is, and a new token replaces the old one at once", async () => {
  const one = desk({ state: () => ({ bytes: 1, queued: 2, dropped: 3, faults: 4, fault: "no disk" }) });
  const status = await json(await one.ask("GET", "/admin/api/status"));
  assert.deepEqual(status, {
    ...{ version: "1.2.3", runtime: "a runtime", pid: 42, uptime_s: 0, draining: false },
    store: { ok: true, reasons: [], entries: 0, bytes: 4096, evictions: 0, faults: 0 },
    archive: { ok: false, fault: "no disk", bytes: 1, queued: 2, dropped: 3, faults: 4 },
  });
  const old = one.token;
  const { token } = await json(await one.ask("POST", "/admin/api/token", { body: {} }));
  assert.equal((await one.ask("GET", "/admin/api/status", { token: old })).status, 401);
  assert.equal((await one.ask("GET", "/admin/api/status", { token: String(token) })).status, 200);
  assert.ok(!one.reports.join().includes(String(token)));
});

test("a request to explain reaches the proxy with its body as it was written, digit for digit", async () => {
  const one = desk();
  const ask = async (body: unknown) => {
    const answer = await json(await one.ask("POST", "/admin/api/explain", { body }));
    const { body: bytes, ...rest } = one.asked.pop()!.of as { body: Uint8Array };
    return { answer, bytes: new TextDecoder().decode(bytes), rest };
  };
  const raw =
    '{ "body" : {"seed": 1.0, "n": 12345678901234567890} , "path":"/openai/v1/x?y=1","headers":{"X-A":"1"}}';
  const first = await ask(raw);
  assert.equal(first.bytes, '{"seed": 1.0, "n": 12345678901234567890}');
  const headers = { "X-A": "1", "content-type": "application/json" };
  assert.deepEqual(first.rest, { method: "POST", path: "/openai/v1/x?y=1", headers });
  const { keyParts, leftOut, ...plain } = EXPLAINED;
  assert.deepEqual(first.answer, {
    ...{ ...plain, detail: null, stored: null },
    ...{ key_parts: keyParts, left_out: leftOut },
  });
  const text = await ask({
    method: "post",
    path: "http://x:1/p",
    headers: { "Content-Type": "text/plain" },
    body: "hi",
  });
  assert.deepEqual(
    [text.bytes, text.rest],
    ["hi", { method: "POST", path: "/p", headers: { "Content-Type": "text/plain" } }],
  );
  assert.equal((await ask({ path: "/p" })).bytes, "");
  assert.equal((await ask({ path: "/p", body: null })).bytes, "null");
  const bad = [
    {},
    { path: "p" },
    { path: "/p", headers: { a: 1 } },
    { path: "/p", headers: [] },
    { path: "/p", headers: { "a b": "" } },
    { path: "/p", key: keyNumber(1) },
  ];
  for (const body of bad)
    assert.equal((await one.ask("POST", "/admin/api/explain", { body })).status, 400, JSON.stringify(body));
  assert.equal((await one.ask("POST", "/admin/api/explain", { body: { key: keyNumber(1) } })).status, 404);
});
