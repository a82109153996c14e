/** One request, answered by the handler and by what is remembered. */
import assert from "node:assert/strict";
import type { Reply } from "../../src/direct-reply.ts";
import { answerLines } from "../../src/http/answer-head.ts";
import { parseHead, type RequestHead } from "../../src/http/head.ts";
import { arrival } from "../../src/http/incoming.ts";
import { Intake } from "../../src/http/intake.ts";
import { octets } from "../../src/http/octets.node.ts";
import { handle } from "../../src/proxy/handle.ts";
import type { Journey } from "./journey.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

export interface Answer {
  readonly lines: readonly string[];
  readonly body: string;
  readonly event: unknown;
}

/** What is the same of two answers to one request, whichever way they took. */
function same(run: Journey, lines: string, body: Uint8Array): Answer {
  const { at: _at, requestId: _id, ...event } = run.events.at(-1) ?? assert.fail("nothing was told");
  const kept = lines
    .split("\r\n")
    .filter((line) => line !== "" && !/^(?:HTTP|X-Request-Id|Content-Length)/.test(line));
  return { lines: kept.sort(), body: Buffer.from(body).toString("latin1"), event };
}

function split(request: string): { head: RequestHead; body: Uint8Array } {
  const at = request.indexOf("\r\n\r\n");
  return { head: parseHead(request.slice(0, at), "http") as RequestHead, body: bytes(request.slice(at + 4)) };
}

/** As the handler answers; `remembers`: with what it knows of the request's head. */
export async function ordinary(run: Journey, request: string, remembers: boolean): Promise<Answer> {
  const { head, body } = split(request);
  const intake = new Intake(body.byteLength, { line: { pause() {}, resume() {} }, wanted() {}, octets });
  intake.push(body, 0);
  const peer = { address: "192.0.2.7", takesDirect: true, body, ...(remembers && { head: head.text }) };
  const response = (await handle(run.parts, arrival(head, intake).request, peer)) as Reply;
  const { direct } = response;
  const pieces: Uint8Array[] = direct instanceof Uint8Array ? [direct] : [];
  if (direct !== undefined && !(direct instanceof Uint8Array)) {
    for (let piece = await direct.read(); piece !== undefined; piece = await direct.read())
      pieces.push(piece);
  }
  await run.parts.flights.settled();
  return same(run, answerLines(response.headers).lines, Buffer.concat(pieces));
}

/** As the server answers without the handler; undefined where that declines. */
export function quick(run: Journey, request: string): Answer | undefined {
  const { head, body } = split(request);
  const known = run.parts.memory.find(head.text);
  const answer = known && run.parts.memory.answer(known, body, "192.0.2.7");
  return answer && same(run, answer.head, answer.body);
}
