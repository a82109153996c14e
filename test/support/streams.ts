import type { RecordedStream } from "./families.ts";

export const bytes = (text: string) => new TextEncoder().encode(text);

/** Some stream of an endpoint, of which only the shape is told. */
export function stream(
  provider: string,
  path: string,
  json: Record<string, unknown> = { stream: true },
): RecordedStream {
  return { file: "", provider, path, json, type: "text/event-stream", model: undefined, usage: undefined };
}
export const chat = stream("openai", "/v1/chat/completions");
export const responses = stream("openai", "/v1/responses");

export const data = (...values: unknown[]) =>
  values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join("");
export const choice = (delta: object, finish_reason: unknown, index = 0) => ({
  choices: [{ index, delta, finish_reason }],
});
export const DONE = "data: [DONE]\n\n";
export const terminal = (type: string, response: object) =>
  data({ type, response: { output: [{ type: "mcp_call" }], ...response } });
