/**
 * A command for `askonce run`: asks what its arguments say, one after the other, of the providers that the environment
 * names, and prints `status cache text` for each. `exit=N` ends it; it ends with 1 where an answer was no 200.
 *
 * `chat:TEXT`, `cold:TEXT` (temperature 0), `auto:TEXT` (a sample of its own), `stream:TEXT`, `messages:TEXT`,
 * `responses:TEXT`, `embed:A,B`, `models`, `missing:TEXT` (a 404 is what it wants)
 */
import process from "node:process";

const { env } = process;
const openai = env.OPENAI_BASE_URL ?? "";
const bearer = { authorization: `Bearer ${env.OPENAI_API_KEY}` };
const chat = (content: string, more: object = {}) => ({
  model: "gpt-4o-mini",
  messages: [{ role: "user", content }],
  ...more,
});

interface Asked {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly wanted?: number;
}

const kinds: Readonly<Record<string, (text: string) => Asked>> = {
  chat: (text) => ({ url: `${openai}/chat/completions`, headers: bearer, body: chat(text) }),
  cold: (text) => ({
    url: `${openai}/chat/completions`,
    headers: bearer,
    body: chat(text, { temperature: 0 }),
  }),
  auto: (text) => ({
    url: `${openai}/chat/completions`,
    headers: { ...bearer, "x-cache-sample": "auto" },
    body: chat(text),
  }),
  stream: (text) => ({
    url: `${openai}/chat/completions`,
    headers: bearer,
    body: chat(text, { stream: true }),
  }),
  messages: (text) => ({
    url: `${env.ANTHROPIC_BASE_URL}/v1/messages`,
    headers: { "x-api-key": `${env.ANTHROPIC_API_KEY}`, "anthropic-version": "2023-06-01" },
    body: { model: "claude-haiku-4-5", max_tokens: 64, messages: [{ role: "user", content: text }] },
  }),
  responses: (text) => ({
    url: `${openai}/responses`,
    headers: bearer,
    body: { model: "gpt-5-mini", input: text },
  }),
  embed: (text) => ({
    url: `${openai}/embeddings`,
    headers: bearer,
    body: { model: "text-embedding-3-small", input: text.split(",") },
  }),
  models: () => ({ url: `${openai}/models`, headers: bearer }),
  missing: (text) => ({ url: `${openai}/chat/completions`, headers: bearer, body: chat(text), wanted: 404 }),
};

async function ask({ url, headers = {}, body, wanted = 200 }: Asked): Promise<boolean> {
  const sent = body && {
    body: JSON.stringify(body),
    headers: { ...headers, "content-type": "application/json" },
  };
  const answer = await fetch(url, { method: body ? "POST" : "GET", headers, ...sent });
  const text = await answer.text();
  console.log(`${answer.status} ${answer.headers.get("x-cache-status")} ${text}`);
  return answer.status === wanted;
}

let good = true;
for (const word of process.argv.slice(2)) {
  const [kind = "", text = ""] = word.split(/[:=](.*)/s);
  if (kind === "exit") process.exit(Number(text));
  good = (await ask(kinds[kind]!(text))) && good;
}
process.exit(good ? 0 : 1);
