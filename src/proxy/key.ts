import type { CacheKey } from "../cache/entry.ts";
import { notAnswerHeaders } from "../providers/request-headers.ts";
import { keyQuery } from "./credential.ts";
import { sha256 } from "./digest.ts";

/** Counts up whenever the same request would get another key. */
export const KEY_VERSION = 1;

export interface KeyParts {
  /** Which pool: one constant for all, or a credential's tag. */
  readonly partition: string;
  readonly namespace: string;
  /** Which of several independent answers to one question; 0 is the plain one. */
  readonly sample: number;
  /** The provider's name, never its address. */
  readonly provider: string;
  readonly path: string;
  /** As it goes up, with its leading "?" or empty; credentials and order don't count. */
  readonly query: string;
  /** Response-changing headers, name and value, normalised and sorted. */
  readonly headers: readonly string[];
  /** SHA-256 of the body's canonical form. */
  readonly body: string;
}

export function keyOf(parts: KeyParts): CacheKey {
  const fields = [
    `askonce key ${KEY_VERSION}`,
    parts.partition,
    parts.namespace,
    String(parts.sample),
    parts.provider,
    parts.path,
    keyQuery(parts.query),
    parts.headers.join("\n"),
    parts.body,
  ];
  return sha256(fields) as CacheKey;
}

/**
 * The headers that change the answer, as `name: value` lines, sorted. List values count without regard to order,
 * case of names or repeated members. `wanted` are lower-case names, a trailing `*` matches a prefix.
 */
export function answerHeaders(headers: Headers, wanted: readonly string[]): string[] {
  const lines: string[] = [];
  for (const [name, value] of headers) {
    if (!wanted.some((want) => matches(name, want)) || NOT_ANSWERED_TO.has(name)) continue;
    const members = value
      .split(",")
      .map((member) => member.trim())
      .filter((member) => member !== "");
    lines.push(`${name}: ${[...new Set(members)].sort().join(",")}`);
  }
  return lines.sort();
}

const NOT_ANSWERED_TO = new Set(notAnswerHeaders);

function matches(name: string, want: string): boolean {
  return want.endsWith("*") ? name.startsWith(want.slice(0, -1)) : name === want;
}
