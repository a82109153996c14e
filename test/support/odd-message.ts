/** What odd requests are made with. */
import { openai } from "./answers.ts";
import { bytesOf, concat } from "./wire.ts";

export type Random = (below: number) => number;
/** What is sent, and which providers it may reach. */
export interface Odd {
  readonly bytes: Uint8Array;
  readonly may: readonly string[];
  /** Closes the sending half after the last byte. */
  readonly halfClose?: boolean;
  /** Leaves without waiting for an answer. */
  readonly leave?: boolean;
}

/** mulberry32: the same requests in each run. */
export function seeded(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below) | 0;
  };
}

export const pick = <T>(random: Random, from: readonly T[]): T => from[random(from.length)] as T;
export const noise = (random: Random, length: number) => Uint8Array.from({ length }, () => random(256));
export const METHODS = [
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "HEAD",
  "OPTIONS",
  "FOO",
  "post",
  "CONNECT",
  "TRACE",
  "PRI",
];

export function message(options: {
  method?: string;
  path?: string;
  headers?: string[];
  body?: Uint8Array | string;
  length?: boolean;
}): Uint8Array {
  const { method = "POST", path = openai.path, headers = [], length = true } = options;
  const body = bytesOf(options.body ?? "");
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "Host: localhost",
    ...headers,
    ...(length ? [`Content-Length: ${body.byteLength}`] : []),
  ];
  return concat([bytesOf(`${lines.join("\r\n")}\r\n\r\n`), body]);
}

export const question = (random: Random) =>
  JSON.stringify({ ...openai.request(`odd ${random(500)}`, random(2) === 1) });
export const own = (bytes: Uint8Array, more: Partial<Odd> = {}): Odd => ({ bytes, may: ["openai"], ...more });
