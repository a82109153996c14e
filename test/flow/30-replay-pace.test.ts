import assert from "node:assert/strict";
import { test } from "node:test";
import { type Entry, memoryBody } from "../../src/cache/entry.ts";
import { pace } from "../../src/config-pace.ts";
import { FreshId } from "../../src/proxy/fresh-id.ts";
import { paced } from "../../src/proxy/pace.ts";
import { journey } from "../support/journey.ts";

const EVENTS = [0, 1, 2, 3].map(
  (n) =>
    `data: {"id":"c","choices":[{"index":0,"delta":{"content":"w${n}"},"finish_reason":${n === 3 ? '"stop"' : null}}]}\n\n`,
);
const STREAM = `${EVENTS.join("")}data: [DONE]\n\n`;

function entry(text: string, marks: [end: number, atMs: number][]): Entry {
  const body = memoryBody(new TextEncoder().encode(text));
  return { body, chunks: marks.map(([end, atMs]) => ({ end, atMs })) } as unknown as Entry;
}

/** Reads a stream at a pace under a clock that only the waits move; each piece with the time it came. */
async function replayed(stored: Entry, text: string): Promise<[string, number][]> {
  let clock = 0;
  const real = globalThis.setTimeout;
  // biome-ignore lint/suspicious/noExplicitAny: the fake takes whatever setTimeout takes
  (globalThis as any).setTimeout = (act: () => void, ms: number) => {
    clock += ms;
    return real(act, 0);
  };
  try {
    const chosen = pace.parse(text);
    assert.ok(chosen !== null);
    const pending = [stored.body.bytes];
    const source = { read: async () => pending.pop(), leave: () => {} };
    const reader = paced(stored, source, { pace: chosen, now: () => clock });
    assert.ok(reader !== undefined);
    const pieces: [string, number][] = [];
    for (let piece = await reader.read(); piece; piece = await reader.read()) {
      pieces.push([new TextDecoder().decode(piece), clock]);
    }
    return pieces;
  } finally {
    globalThis.setTimeout = real;
  }
}

test("recorded sends each chunk when it came, recorded*N so many times as fast", async () => {
  const stored = entry("aabbbc", [
    [2, 100],
    [5, 400],
    [6, 1000],
  ]);
  assert.deepEqual(await replayed(stored, "recorded"), [
    ["aa", 100],
    ["bbb", 400],
    ["c", 1000],
  ]);
  assert.deepEqual(await replayed(stored, "recorded*4"), [
    ["aa", 25],
    ["bbb", 100],
    ["c", 250],
  ]);
});

test("Ntps sends so many events a second, however they were cut when they came", async () => {
  const stored = entry(STREAM, [[STREAM.length, 5]]);
  const pieces = await replayed(stored, "50tps");
  assert.deepEqual(
    pieces,
    [...EVENTS, "data: [DONE]\n\n"].map((event, n) => [event, n * 20]),
  );
  const lines = entry('{"a":1}\n{"b":2}\n', [[16, 5]]);
  assert.deepEqual(await replayed(lines, "2tps"), [
    ['{"a":1}\n', 0],
    ['{"b":2}\n', 500],
  ]);
  const crlf = entry("data: 1\r\n\r\ndata: 2\r\n\r\n", [[22, 0]]);
  assert.deepEqual(
    (await replayed(crlf, "1tps")).map(([text]) => text),
    ["data: 1\r\n\r\n", "data: 2\r\n\r\n"],
  );
});

test("whatever the pace, the bytes are the recorded ones", async () => {
  const stream = () => new Response(STREAM, { headers: { "content-type": "text/event-stream" } });
  const run = journey({ provider: stream });
  const body = { model: "m", stream: true, messages: [] };
  assert.equal(await (await run.ask({ body })).text(), STREAM);
  await run.parts.flights.settled();
  for (const said of ["instant", "recorded", "recorded*1000", "9999tps"]) {
    const hit = await run.ask({ body, headers: { "x-cache-replay": said } });
    assert.equal(hit.headers.get("x-cache-status"), "HIT");
    assert.equal(await hit.text(), STREAM);
  }
  assert.equal(run.calls, 1);
});

test("a pace that cannot be understood is refused", () => {
  for (const text of [
    "",
    "fast",
    "recorded*",
    "recorded*0",
    "0tps",
    "tps",
    "-1tps",
    "recorded*-1",
    "1e9tps",
  ]) {
    assert.equal(pace.parse(text), null, text);
  }
  for (const text of ["instant", "recorded", "recorded*4", "recorded*0.5", "50tps"]) {
    assert.equal(pace.format(pace.parse(text) as NonNullable<ReturnType<typeof pace.parse>>), text);
  }
});

test("fresh_ids gives each hit an id of its own, the same in all its events, and changes nothing else", async () => {
  const stream = STREAM.replaceAll('"id":"c"', '"id":"chatcmpl-Abc123xyz"');
  const run = journey({
    flags: [["--fresh-ids", "true"]],
    provider: () => new Response(stream, { headers: { "content-type": "text/event-stream" } }),
  });
  const body = { model: "m", stream: true, messages: [] };
  assert.equal(await (await run.ask({ body })).text(), stream);
  await run.parts.flights.settled();
  const ids = new Set<string>();
  for (const said of ["instant", "instant", "9999tps"]) {
    const text = await (await run.ask({ body, headers: { "x-cache-replay": said } })).text();
    const own = new Set(text.match(/chatcmpl-[A-Za-z0-9]+/g));
    assert.equal(own.size, 1);
    const [id = ""] = own;
    assert.equal(text.replaceAll(id, "chatcmpl-Abc123xyz"), stream);
    ids.add(id);
  }
  assert.equal(ids.size, 3);
});

test("an id that lies across pieces is replaced all the same", async () => {
  const text = '{"id":"resp_0123456789abcdef","response":{"id":"resp_0123456789abcdef"}}';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 7, 20, 100]) {
    const id = FreshId.of("application/json");
    assert.ok(id);
    let at = 0;
    const reader = id.reader({
      read: async () => {
        const piece = bytes.subarray(at, at + size);
        at += size;
        return piece.byteLength > 0 ? piece : undefined;
      },
      leave: () => {},
    });
    let out = "";
    for (let piece = await reader.read(); piece; piece = await reader.read())
      out += new TextDecoder().decode(piece);
    assert.equal(out.length, text.length);
    const [first, second, ...more] = out.match(/resp_[0-9a-f]{16}/g) ?? [];
    assert.ok(first !== undefined && first === second && more.length === 0);
    assert.ok(!out.includes("0123456789abcdef"));
  }
});
