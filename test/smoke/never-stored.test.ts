import assert from "node:assert/strict";
import { test } from "node:test";
import { families, openai } from "../support/answers.ts";
import type { Call, Handler } from "../support/provider.ts";
import { post } from "../support/raw.ts";
import { assertHit, fresh, session, twice } from "../support/session.ts";

const run = session();
const json = { "Content-Type": "application/json" };
const sse = { "Content-Type": "text/event-stream" };
const document = JSON.stringify(openai.document("x"));

const chat = (handler: Handler, stream = false) =>
  twice(run, openai.path, { provider: "openai", body: openai.request(fresh(), stream), handler });

for (const status of [201, 202, 400, 401, 402, 403, 408, 409, 422, 429, 500, 502, 503, 529]) {
  test(`a ${status} is passed on with its body and headers, and never kept`, async () => {
    const body = JSON.stringify({ error: { message: `no ${status}`, type: "t", code: null } });
    const headers = { ...json, "Retry-After": "7", "X-Should-Retry": "true" };
    for (const answer of await chat((call) => call.reply({ status, headers, body }))) {
      assert.deepEqual([answer.status, answer.text, answer.ending], [status, body, "complete"]);
      assert.deepEqual([answer.header("retry-after"), answer.header("x-should-retry")], ["7", "true"]);
    }
  });
}

const CUT: Record<string, (call: Call) => Promise<void>> = {
  "shorter than its Content-Length": async (call) => {
    await call.reply({ headers: json, body: document, declaredLength: document.length + 10 });
    call.cut();
  },
  "chunked without its last chunk": async (call) => {
    await call.head({ headers: json });
    await call.chunk(document);
    call.cut();
  },
  "reset before its last chunk": async (call) => {
    await call.head({ headers: json });
    await call.chunk(document);
    await call.begun;
    setTimeout(() => call.reset(), 30);
  },
};

for (const [how, handler] of Object.entries(CUT)) {
  test(`a JSON body ${how} breaks off at the client too and is never kept`, async () => {
    for (const answer of await chat(handler)) assert.notEqual(answer.ending, "complete");
  });
}

test("a stream cut after any of its events breaks off at the client too and is never kept", async () => {
  const events = openai.events("x");
  for (let kept = 1; kept <= events.length; kept++) {
    const answers = await chat(async (call) => {
      await call.head({ headers: sse });
      await call.chunk(events.slice(0, kept).join(""));
      call.cut();
    }, true);
    for (const answer of answers) assert.notEqual(answer.ending, "complete", `after ${kept} events`);
  }
});

const BAD_DOCUMENTS: Record<string, string> = {
  "that does not parse": document.slice(0, -1),
  "that is empty": "",
  "that is HTML": "<html>Bad gateway</html>",
  "that is an error object": JSON.stringify({ error: { message: "overloaded", type: "server_error" } }),
  "that carries an error beside its choices": JSON.stringify({
    ...openai.document("x"),
    error: { message: "no" },
  }),
  "that carries an error text": JSON.stringify({ error: "model not loaded" }),
  "with two documents in it": `${document}${document}`,
};

for (const [what, body] of Object.entries(BAD_DOCUMENTS)) {
  test(`a 200 with JSON ${what} is passed on and never kept`, async () => {
    for (const answer of await chat((call) => call.reply({ headers: json, body }))) {
      assert.deepEqual([answer.status, answer.text], [200, body]);
    }
  });
}

const ERRORS: readonly (readonly [provider: string, path: string, error: unknown])[] = [
  [
    "anthropic",
    "/anthropic/v1/messages",
    { type: "error", error: { type: "overloaded_error", message: "no" } },
  ],
  [
    "google",
    "/google/v1beta/models/m-1:generateContent",
    { error: { code: 503, message: "no", status: "UNAVAILABLE" } },
  ],
  [
    "mistral",
    "/mistral/v1/chat/completions",
    { object: "error", message: "no", type: "t", param: null, code: null },
  ],
  [
    "openrouter",
    "/openrouter/api/v1/chat/completions",
    { error: { code: 502, message: "no" }, user_id: "u" },
  ],
  ["ollama", "/ollama/api/chat", { error: "model not found" }],
  ["vllm", "/vllm/v1/chat/completions", { object: "error", message: "no", type: "t", code: 500 }],
];

for (const [provider, path, error] of ERRORS) {
  test(`an error in a 200 of ${provider}'s own shape is passed on and never kept`, async () => {
    const body = { ...openai.request(fresh(), false), stream: false };
    await twice(run, path, {
      provider,
      body,
      handler: (call) => call.reply({ headers: json, body: JSON.stringify(error) }),
    });
  });
}

test("an error member that is null is no error: the answer is kept", async () => {
  const provider = run.script("openai", (call) =>
    call.reply({ headers: json, body: JSON.stringify({ ...openai.document("x"), error: null }) }),
  );
  const body = openai.request(fresh(), false);
  const first = await post(run.port, openai.path, { body });
  assertHit(await post(run.port, openai.path, { body }), first);
  assert.equal(provider.count, 1);
});

for (const family of families) {
  for (const [what, events] of Object.entries(family.broken("x"))) {
    test(`a stream of ${family.name} ${what} is passed on whole and never kept`, async () => {
      const handler: Handler = (call) =>
        call.reply({
          headers: { "Content-Type": family.streamType },
          framing: "chunked",
          body: events.join(""),
        });
      const body = family.request(fresh(), true);
      for (const answer of await twice(run, family.streamPath, {
        provider: family.provider,
        body,
        handler,
      })) {
        assert.deepEqual([answer.text, answer.ending], [events.join(""), "complete"]);
      }
    });
  }
}

for (const family of families) {
  test(`a stream of ${family.name} cut before its last event is never kept, whatever the framing`, async () => {
    const events = family.events("x").slice(0, -1).join("");
    for (const framing of ["chunked", "close"] as const) {
      const handler: Handler = async (call) => {
        await call.head({ headers: { "Content-Type": family.streamType }, framing });
        await call.chunk(events);
        call.cut();
      };
      await twice(run, family.streamPath, {
        provider: family.provider,
        body: family.request(fresh(), true),
        handler,
      });
    }
  });
}

test("a stream that lacks the finish reason of one of two choices is never kept", async () => {
  const chunk = (index: number, finish: string | null) =>
    `data: ${JSON.stringify({ id: "c", choices: [{ index, delta: { content: "x" }, finish_reason: finish }] })}\n\n`;
  const body = [chunk(0, null), chunk(1, null), chunk(0, "stop"), "data: [DONE]\n\n"].join("");
  await chat((call) => call.reply({ headers: sse, framing: "chunked", body }), true);
});
