/** Requests and answers of given sizes, with text that varies as prose does. */

const KB = 1000;
export const CHAT = "/v1/chat/completions";
export const EMBEDDINGS = "/v1/embeddings";
/** Where the number of a request stands in its body, always as many digits: so all bodies are equally long. */
export const NUMBER = "#########";

const SYLLABLES = "ka lo mi ra ten sor vi pel dan gri mo sha tur ne qui bos lan fer u ri".split(" ");

/** The same text at each run. */
export function prose(bytes: number, seed = 1): string {
  let state = seed >>> 0 || 1;
  const below = (n: number) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % n;
  };
  const words: string[] = [];
  let length = 0;
  while (length < bytes) {
    const word = Array.from({ length: 1 + below(3) }, () => SYLLABLES[below(SYLLABLES.length)]).join("");
    words.push(word);
    length += word.length + 1;
  }
  return words.join(" ").slice(0, bytes);
}

/** A chat whose last message ends with a name and NUMBER: the name keeps one burst's requests apart from others'. */
export function chatBody(prompt: number, name: string, more: object = {}): string {
  const tail = ` ${name} ${NUMBER}`;
  const content = prose(Math.max(0, prompt - tail.length)) + tail;
  return JSON.stringify({ model: "gpt-5-mini", ...more, messages: [{ role: "user", content }] });
}

/** A batch of which all inputs but the first stay the same. */
export function batchBody(inputs: number, name: string): string {
  const input = [`${name} ${NUMBER}`];
  for (let n = 1; n < inputs; n++) input.push(prose(80, n * 7919));
  return JSON.stringify({ model: "text-embedding-3-small", encoding_format: "base64", input });
}

export function numbered(body: string, n: number): string {
  return body.replace(NUMBER, String(n).padStart(NUMBER.length, "0"));
}

export function requestBytes(
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Buffer {
  const lines = Object.entries({
    host: "127.0.0.1",
    "content-type": "application/json",
    authorization: "Bearer bench",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
}

/** A whole chat completion of so many bytes. */
export function chatAnswer(bytes: number): string {
  const frame = (content: string) =>
    JSON.stringify({
      id: "chatcmpl-1",
      object: "chat.completion",
      model: "gpt-5-mini",
      choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
      usage: { prompt_tokens: 40, completion_tokens: 100, total_tokens: 140 },
    });
  const room = Math.max(1, bytes - frame("").length);
  // Text beyond a megabyte repeats: it need not be made at that length each time.
  return frame(
    prose(Math.min(room, 1000 * KB))
      .repeat(Math.ceil(room / (1000 * KB)))
      .slice(0, room),
  );
}

/** One event of a streamed chat; the last two end it as OpenAI does. */
export function streamEvent(content: string): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: null }];
  const event = { id: "chatcmpl-1", object: "chat.completion.chunk", model: "gpt-5-mini", choices };
  return `data: ${JSON.stringify(event)}\n\n`;
}

export function streamEnd(): string {
  const choices = [{ index: 0, delta: {}, finish_reason: "stop" }];
  const event = { id: "chatcmpl-1", object: "chat.completion.chunk", model: "gpt-5-mini", choices };
  return `data: ${JSON.stringify(event)}\n\ndata: [DONE]\n\n`;
}

/** The answer to a batch: OpenAI's vectors of 1,536 numbers in base64, another one at each place. */
export function batchAnswer(inputs: number): string {
  const data = Array.from({ length: inputs }, (_, index) => {
    const numbers = Float32Array.from({ length: 1536 }, (_, n) => Math.sin(n * 12.9898 + index * 78.233));
    return { object: "embedding", index, embedding: Buffer.from(numbers.buffer).toString("base64") };
  });
  const usage = { prompt_tokens: 20 * inputs, total_tokens: 20 * inputs };
  return JSON.stringify({ object: "list", data, model: "text-embedding-3-small", usage });
}
