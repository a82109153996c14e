import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { NewRequest, RequestHead } from "../src/requests/kept.ts";
import { chat, keyOfRequest, openShelf, requestOf, type Shelf } from "./support/archive.ts";
import { temporaryFolder } from "./support/store.ts";

/** 1,000 requests of real variety: conversations with tools and a system prompt, and single questions. */
const WORDS =
  "river stone engine violet matrix harbor candle forest signal copper lantern window garden market silver thunder planet ribbon winter anchor".split(
    " ",
  );

function words(seed: number, count: number): string {
  let state = seed * 2654435761 + 1;
  const next = () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 8;
  };
  return Array.from({ length: count }, () => `${WORDS[next() % WORDS.length]}${next() % 50}`).join(" ");
}

const SYSTEM = words(7, 300);

function question(n: number, { temperature = 1, type = "string", extra = [] as string[] } = {}): object {
  if (n % 2 === 0) return chat([`${words(n, 60)}`], { temperature });
  const said = Array.from({ length: 1 + (n % 6) }, (_, at) => words(n * 100 + at, 30));
  const parameters = { type: "object", properties: { path: { type, description: words(n, 5) } } };
  const { messages, ...rest } = chat([...said, ...extra], {
    temperature,
    tools: [{ type: "function", function: { name: "read", parameters } }],
  }) as { messages: object[] };
  return { ...rest, messages: [{ role: "system", content: SYSTEM }, ...messages] };
}

let shelf: Shelf;
before(async () => {
  shelf = await openShelf(temporaryFolder());
  const requests = Array.from({ length: 1000 }, (_, n) => requestOf(question(n)));
  await Promise.all(requests.map((request) => shelf.keep(request)));
  await shelf.archive.settled();
});
after(() => shelf.close());

async function nearest(request: NewRequest, limit = 3) {
  const began = performance.now();
  const near = await shelf.archive.nearest(request, { limit });
  assert.ok(performance.now() - began < 1000);
  return near;
}

const ASKED = [501, 502, 503, 998, 3, 5];

for (const [words, change, head, paths] of [
  ["another temperature", { temperature: 0.2 }, {}, ["temperature"]],
  ["another namespace", {}, { namespace: "exp-7" }, ["namespace"]],
  ["another anthropic-beta", {}, { headers: ["anthropic-beta: tools-2"] }, ["headers.anthropic-beta"]],
] as readonly (readonly [string, object, Partial<RequestHead>, string[]])[]) {
  test(`of 1,000 stored requests the nearest is the one with ${words}, and that alone is named`, async () => {
    for (const n of ASKED) {
      const [near] = await nearest(requestOf(question(n, change), head));
      assert.equal(near?.key, keyOfRequest(requestOf(question(n))), `request ${n}`);
      assert.deepEqual(
        near.differences.map(({ path }) => path),
        paths,
      );
    }
  });
}

test("of 1,000 stored requests the nearest is the one with a message less, which is named", async () => {
  for (const n of ASKED.filter((n) => n % 2 === 1)) {
    const length = (question(n) as { messages: object[] }).messages.length;
    const [near] = await nearest(requestOf(question(n, { extra: ["and now?"] })));
    assert.equal(near?.key, keyOfRequest(requestOf(question(n))), `request ${n}`);
    assert.deepEqual(
      near.differences.map(({ path, stored }) => [path, stored]),
      [[`messages[${length}]`, undefined]],
    );
  }
});

test("of 1,000 stored requests the nearest is the one whose tool's schema differs deep down", async () => {
  for (const n of ASKED.filter((n) => n % 2 === 1)) {
    const [near] = await nearest(requestOf(question(n, { type: "number" })));
    assert.equal(near?.key, keyOfRequest(requestOf(question(n))), `request ${n}`);
    assert.deepEqual(near.differences, [
      {
        path: "tools[0].function.parameters.properties.path.type",
        asked: '"number"',
        stored: '"string"',
      },
    ]);
  }
});

test("of 1,000 stored requests the nearest is the one with another word in its only message", async () => {
  for (const n of [0, 2, 500, 502, 640, 998]) {
    const text = words(n, 60).split(" ").with(20, "elephant").join(" ");
    const [near] = await nearest(requestOf(chat([text], { temperature: 1 })));
    assert.equal(near?.key, keyOfRequest(requestOf(question(n))), `request ${n}`);
    assert.deepEqual(
      near.differences.map(({ path }) => path),
      ["messages[0].content"],
    );
    assert.match(near.differences[0]!.asked!, /elephant/);
  }
});

test("a request of another model or endpoint is not near, nor is one without anything in common", async () => {
  assert.deepEqual(await nearest(requestOf(question(501), { model: "other" })), []);
  assert.deepEqual(await nearest(requestOf(question(501), { endpoint: "messages" })), []);
  assert.deepEqual(await nearest(requestOf(chat(["quite unlike anything else stored"]))), []);
});

test("the nearest of a stored request are others than itself", async () => {
  const key = keyOfRequest(requestOf(question(501)));
  const other = await shelf.keep(requestOf(question(501, { temperature: 0.9 })));
  const near = await shelf.archive.nearestTo(key, { limit: 3 });
  assert.equal(near[0]?.key, other);
  assert.ok(near.every((one) => one.key !== key));
  const [itself] = await nearest(requestOf(question(501)));
  assert.deepEqual([itself?.key, itself?.same, itself?.differences], [key, 1, []]);
  const without = await shelf.archive.nearest(requestOf(question(501)), { limit: 3, except: key });
  assert.ok(without.every((one) => one.key !== key));
});

test("a request laid out with white space and other escapes is near as if it were not", async () => {
  const text = JSON.stringify(question(503, { temperature: 0.3 }), undefined, 2).replaceAll("s", "\\u0073");
  const [near] = await nearest(requestOf(text, { model: "gpt-test" }));
  assert.deepEqual(
    near?.differences.map(({ path }) => path),
    ["temperature"],
  );
});
