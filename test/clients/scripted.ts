/** What the scripted providers answer to the clients: a function of the request alone, so that answers compare. */
import { embedding, familyOf } from "../support/answers.ts";
import type { Call, Handler } from "../support/provider.ts";
import { toolAnswer } from "./tool-answers.ts";

/** What the provider says in its own words about a status; `FAIL 429` in a question asks for it. */
const FAILURES: Readonly<Record<number, { type: string; google: string }>> = {
  400: { type: "invalid_request_error", google: "INVALID_ARGUMENT" },
  429: { type: "rate_limit_error", google: "RESOURCE_EXHAUSTED" },
};

export function failure(name: string, path: string, status: number): Record<string, unknown> {
  const message = `the provider says ${status}`;
  const { type, google } = FAILURES[status]!;
  if (/\/messages$/.test(path))
    return { type: "error", error: { type, message }, request_id: "req_provider" };
  if (name === "google") return { error: { code: status, message, status: google } };
  if (name === "cohere") return { id: "c-1", message };
  if (name === "mistral") return { object: "error", message, type, param: null, code: "3000" };
  if (name === "ollama" && path.startsWith("/api/")) return { error: message };
  if (name === "openrouter") return { error: { code: status, message } };
  return { error: { message, type, param: null, code: null } };
}

/** Answers as the provider `name` would. */
export function answersOf(name: string): Handler {
  return async (call) => {
    const text = await call.text();
    const marker = /ask-\d+-\d+/.exec(text)?.[0] ?? "nothing";
    const status = /FAIL (\d+)/.exec(text)?.[1];
    if (status !== undefined) return fail(call, name, Number(status));
    if (/mbed/.test(call.path)) return embed(call, text);
    const { document, events } = /"tools"|"functionDeclarations"/.test(text)
      ? toolAnswer(name, call.path, marker)
      : wordsAnswer(call.path, marker);
    const family = familyOf(call.path);
    const streams =
      /"stream":\s*true/.test(text) ||
      /streamGenerate/.test(call.path) ||
      (/\/api\/chat$/.test(call.path) && !/"stream":\s*false/.test(text));
    if (!streams) return json(call, document);
    await call.head({ headers: { "Content-Type": family.streamType } });
    for (const piece of events) await call.chunk(piece);
    await call.end();
  };
}

function wordsAnswer(path: string, marker: string) {
  const family = familyOf(path);
  // Some clients check what every OpenAI-like server sends.
  const more = /chat\/completions$/.test(path) ? { system_fingerprint: "fp_1" } : {};
  return { document: { ...family.document(marker), ...more }, events: family.events(marker) };
}

async function json(call: Call, value: unknown): Promise<void> {
  await call.reply({ headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });
}

async function fail(call: Call, name: string, status: number): Promise<void> {
  await call.reply({
    status,
    headers: { "Content-Type": "application/json", "x-request-id": "req_provider" },
    body: JSON.stringify(failure(name, call.path, status)),
  });
}

const VECTOR = [0.5, -0.25, 0.125];

async function embed(call: Call, text: string): Promise<void> {
  const asked = JSON.parse(text) as { input?: unknown; encoding_format?: string };
  const count = Array.isArray(asked.input) ? asked.input.length : 1;
  const base64 = Buffer.from(new Float32Array(VECTOR).buffer).toString("base64");
  const vector = asked.encoding_format === "base64" ? base64 : VECTOR;
  const data = Array.from({ length: count }, (_, index) => ({
    object: "embedding",
    index,
    embedding: vector,
  }));
  // Mistral's client asks for an id.
  return json(call, { id: "emb-1", ...embedding.document, data });
}
