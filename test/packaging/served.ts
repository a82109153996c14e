/** Starts an installed askonce, asks it the same twice by curl, and stops it. */
import assert from "node:assert/strict";
import { answerWell, openai } from "../support/answers.ts";
import { startProvider } from "../support/provider.ts";
import { type Run, start, succeed } from "./command.ts";

export interface Serving extends Run {
  /** Data folder, as the program sees it. */
  readonly data: string;
  readonly body?: string;
  /** Called while the server runs, after both answers. */
  readonly meanwhile?: () => Promise<void>;
  readonly expect?: readonly string[];
}

/** Rejects where the answers are not MISS then HIT (or `expect`), not the same bytes, or the end not clean. */
export async function missThenHit(askonce: readonly string[], options: Serving): Promise<void> {
  const provider = await startProvider(answerWell);
  const flags = ["--listen", "127.0.0.1:0", "--data", options.data, "--provider", `openai=${provider.url}`];
  const server = start([...askonce, "serve", ...flags], options);
  try {
    const [, port] = await server.printed(/listens on http:\/\/127\.0\.0\.1:(\d+)/);
    const expected = options.expect ?? ["MISS", "HIT"];
    const answers = [];
    for (const status of expected) {
      const answer = await curl(
        Number(port),
        options.body ?? JSON.stringify(openai.request("the same", false)),
      );
      assert.equal(answer.status, status);
      answers.push(answer.body);
    }
    assert.equal(new Set(answers).size, 1, "the answers have the same bytes");
    assert.equal(provider.count, expected.filter((word) => word === "MISS").length);
    await options.meanwhile?.();
  } finally {
    server.signal("SIGTERM");
    await provider.close();
  }
  const { code, stderr } = await server.ended;
  // Where others stand between, such as npx, they end each in their own way.
  if (!options.group) assert.equal(code, 0, stderr);
}

async function curl(port: number, body: string): Promise<{ status: string; body: string }> {
  const url = `http://127.0.0.1:${port}${openai.path}`;
  const headers = Object.entries({ "content-type": "application/json", ...openai.headers });
  const flags = headers.flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const { stdout } = await succeed(["curl", "-sS", "-i", "--data-binary", "@-", ...flags, url], {
    input: body,
  });
  const [head = "", text = ""] = stdout.split("\r\n\r\n");
  return { status: /^x-cache-status: (\w+)/im.exec(head)?.[1] ?? head, body: text };
}
