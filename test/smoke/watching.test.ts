import assert from "node:assert/strict";
import { test } from "node:test";
import { Admin, adminToken } from "../support/admin-client.ts";
import { openai } from "../support/answers.ts";
import { startAskonce } from "../support/askonce.ts";
import { readExposition, sumSeries } from "../support/exposition.ts";
import { ask, post, type RawConnection } from "../support/raw.ts";
import { eventually, fresh, inParallel, OWN_PROCESS, session } from "../support/session.ts";

const run = session({ names: ["openai", "anthropic"] });
const admin = new Admin(() => run.server);

async function scrape() {
  const answer = await ask(run.port, { method: "GET", path: "/metrics" });
  assert.equal(answer.status, 200);
  assert.match(answer.header("content-type") ?? "", /^text\/plain; ?version=0\.0\.4/);
  return readExposition(answer.text);
}

const chat = (body: unknown, headers: Record<string, string> = {}) =>
  post(run.port, openai.path, { body, headers });

test("the metrics are Prometheus text to the letter, and grow by what was asked", async () => {
  const before = await scrape();
  const body = openai.request(fresh(), false);
  await chat(body);
  for (let i = 0; i < 3; i++) await chat(body);
  await chat(body, { "Cache-Control": "no-store" });
  run.script("openai", (call) => call.reply({ status: 500, body: "{}" }));
  await chat(openai.request(fresh(), false));
  run.script("openai", run.providers.named("anthropic").handler);
  const about = { provider: "openai", endpoint: "chat" };
  await eventually(async () => {
    const after = await scrape();
    const grown = (name: string, labels: Record<string, string>) =>
      sumSeries(after, name, labels) - (before.has(name) ? sumSeries(before, name, labels) : 0);
    const words = ["HIT", "MISS", "BYPASS"].map((cache_status) =>
      grown("askonce_requests_total", { ...about, cache_status }),
    );
    assert.deepEqual(words, [3, 2, 1]);
    assert.equal(grown("askonce_not_kept_total", { reason: "status" }), 1);
    assert.ok(
      [...after.keys()].every((name) => /^(askonce|process|nodejs)_/.test(name)),
      [...after.keys()].join(),
    );
    assert.equal(sumSeries(after, "askonce_requests_in_flight"), 0);
  }, 2000);
});

test("no number of odd requests makes more series, nor breaks the text", async () => {
  const size = async () => [...(await scrape()).values()].reduce((sum, { series }) => sum + series.size, 0);
  const odd = (i: number) => [
    `/nobody-${i}/v1/chat/completions`,
    `/openai/v1/odd-${i}"}\\n/x`,
    `/@odd-ns-${i}/openai/v1/odd`,
    `/%22%0a-${i}`,
  ];
  const all = (from: number) =>
    inParallel(20, 4, async (i) => {
      for (const path of odd(from + i))
        await ask(run.port, { path: path.replaceAll('"', "%22"), body: "{}" });
      await chat({ model: `odd-model-${from + i}"\n\\`, messages: [{ role: "user", content: fresh() }] });
    });
  await all(0);
  const some = await size();
  await all(100);
  assert.equal(await size(), some);
  const { text } = await ask(run.port, { method: "GET", path: "/metrics" });
  assert.doesNotMatch(text.replaceAll(/^#.*$/gm, ""), /odd|nobody/);
});

test("metrics are free on loopback, and need the token where a proxy in front passes others on", async () => {
  const path = "/metrics";
  const forwarded = { "X-Forwarded-For": "203.0.113.7" };
  assert.equal((await ask(run.port, { method: "GET", path, headers: forwarded })).status, 401);
  const headers = { ...forwarded, ...admin.bearer };
  assert.equal((await ask(run.port, { method: "GET", path, headers })).status, 200);
  const ready = await ask(run.port, { method: "GET", path: "/readyz" });
  assert.deepEqual([ready.status, ready.json.status], [200, "ready"]);
});

interface Event {
  readonly request_id: string;
  readonly [member: string]: unknown;
}

/** The events that have come so far; anything that is no event stream fails. */
function eventsIn(connection: RawConnection): Event[] {
  const text = connection.soFar.text;
  const whole = text.slice(0, text.lastIndexOf("\n\n") + 2);
  return whole.split("\n\n").flatMap((block) => {
    const lines = block.split("\n").filter((line) => line !== "" && !line.startsWith(":"));
    for (const line of lines) assert.match(line, /^(data|event|id|retry): /);
    const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
    return data.length === 0 ? [] : [JSON.parse(data.join("\n")) as Event];
  });
}

const wordsOf = (events: readonly Event[]) => events.map(({ cache }) => cache);

test("events are a comment at once, then one event a request as it ends, with its status word", async () => {
  const connection = await admin.events();
  const begun = await connection.until((answer) => answer.text.includes("\n"));
  assert.equal(begun.status, 200);
  assert.match(begun.header("content-type") ?? "", /^text\/event-stream/);
  assert.match(begun.text, /^:/);
  const marker = fresh();
  const body = openai.request(marker, true);
  const answers = [await chat(body), await chat(body), await chat(body, { "Cache-Control": "no-cache" })];
  answers.push(await chat(body, { "X-Cache-Mode": "bypass" }));
  answers.push(await chat(body, { "X-Cache-Mode": "replay", "X-Cache-Namespace": "n" }));
  // What is no proxied request is no event.
  await ask(run.port, { method: "GET", path: "/healthz" });
  await admin.json("/stats");
  const last = await chat(openai.request(fresh(), false));
  await connection.until(() => eventsIn(connection).length >= answers.length + 1);
  const events = eventsIn(connection);
  assert.deepEqual(
    wordsOf(events),
    [...answers, last].map(({ cache }) => cache),
  );
  assert.deepEqual(wordsOf(events).slice(0, 4), ["MISS", "HIT", "MISS", "BYPASS"]);
  assert.equal(new Set(events.map((event) => event.request_id)).size, events.length);
  assert.deepEqual(
    [events[1]?.provider, events[1]?.model, events[1]?.key],
    [...["openai", "m-1", answers[1]?.header("x-cache-key")]],
  );
  assert.ok(!connection.soFar.text.includes(marker), "an event tells no prompt");
  connection.destroy();
});

test("one who does not read slows nobody: neither a request, nor another one who watches", async () => {
  const stalled = await admin.events();
  await stalled.until((answer) => answer.text.startsWith(":"));
  stalled.pause();
  const watching = await admin.events();
  await watching.until((answer) => answer.text.startsWith(":"));
  const pad = "x".repeat(12_000);
  let slowest = 0;
  await inParallel(500, 4, async (i) => {
    const asked = performance.now();
    const answer = await ask(run.port, { method: "GET", path: `/openai/v1/models?n=${i}&pad=${pad}` });
    assert.equal(answer.status, 200);
    slowest = Math.max(slowest, performance.now() - asked);
  });
  assert.ok(slowest < 1000, `${slowest} ms`);
  let [read, counted, rest] = [0, 0, ""];
  await watching.until(({ parts }) => {
    for (; read < parts.length; read++) {
      const text = rest + new TextDecoder().decode(parts[read]);
      counted += text.split("\ndata: ").length - 1;
      rest = text.slice(-6);
    }
    return counted >= 500;
  });
  assert.equal(counted, 500);
  stalled.destroy();
  watching.destroy();
});

test("an open stream of events does not hold up the end of the server", OWN_PROCESS, async (t) => {
  const server = await startAskonce();
  t.after(() => server.kill());
  const events = await new Admin(() => server).events();
  await events.until((answer) => answer.text.startsWith(":"));
  assert.ok(adminToken(server).length > 20);
  const begun = performance.now();
  const exited = await server.stop();
  assert.equal(exited.code, 0, `${exited.signal} ${exited.stderr}`);
  assert.ok(performance.now() - begun < 5000, `${performance.now() - begun} ms`);
  events.destroy();
});
