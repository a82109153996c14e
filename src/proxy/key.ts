import type { CacheKey } from "../cache/entry.ts";
import type { Provider } from "../providers/provider.ts";
import { CREDENTIAL_HEADER, notAnswerHeaders } from "../providers/request-headers.ts";
import { keyQuery, SECRET_HEADERS } from "./credential.ts";
import { measured, sha256Measured } from "./digest.ts";
import { goingUp } from "./headers.ts";

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
  return keyIn(middle(parts), parts.partition, parts.body);
}

/** What a key is made of, but for pool and body. */
export type KeyBase = Omit<KeyParts, "partition" | "body">;

/** As `keyOf`, for parts that many requests share: theirs is worked out once. */
export function sharedKeyOf(
  base: KeyBase,
  { partition, body }: Pick<KeyParts, "partition" | "body">,
): CacheKey {
  let text = MIDDLES.get(base);
  if (text === undefined) {
    text = middle(base);
    MIDDLES.set(base, text);
  }
  return keyIn(text, partition, body);
}

const MIDDLES = new WeakMap<KeyBase, string>();
const BEGINNING = measured(`askonce key ${KEY_VERSION}`);

function keyIn(middle: string, partition: string, body: string): CacheKey {
  return sha256Measured(BEGINNING + measured(partition) + middle + measured(body)) as CacheKey;
}

/** All between pool and body. */
function middle({ namespace, sample, provider, path, query, headers }: KeyBase): string {
  const fields = [namespace, String(sample), provider, path, keyQuery(query), headers.join("\n")];
  return fields.map(measured).join("");
}

/**
 * Names of the headers that change a provider's answers, as `answerHeaders` takes them: its family's, its own, and
 * those of `key.headers`. A `-` in front takes a name out again.
 */
export function wantedHeaders(provider: Provider, more: readonly string[] = []): readonly string[] {
  const own = provider.answerHeaders;
  const { answerHeaders } = provider.family;
  return own.length + more.length === 0 ? answerHeaders : [...answerHeaders, ...own, ...more];
}

/** The headers of a request that count for its key: those that change the answer, and go up. */
export function keyHeadersOf(
  headers: Headers,
  { provider, path, more }: { provider: Provider; path: string; more: readonly string[] },
): string[] {
  const goes = goingUp(headers, { dropCacheControl: true, whole: true, provider: provider.name });
  const wanted = wantedHeaders(provider, more);
  const negotiated = provider.family.negotiates?.(path) ?? false;
  const lines = answerHeaders(headers, negotiated ? ["accept", ...wanted] : wanted);
  // A name that nobody knows, and that no setting asks for, may be a credential's.
  const asked = [...provider.family.answerHeaders, ...more];
  const counts = (name: string) =>
    goes(name) && (!CREDENTIAL_HEADER.test(name) || asked.some((want) => matches(name, want)));
  return lines.filter((line) => counts(line.slice(0, line.indexOf(":"))));
}

/**
 * The headers that change the answer, as `name: value` lines, sorted. List values count without regard to order,
 * case of names or repeated members. `wanted` are lower-case names, a trailing `*` matches a prefix; one with `-` in
 * front is not wanted after all, and one that is named in full is wanted whatever the tables say.
 */
export function answerHeaders(headers: Headers, wanted: readonly string[]): string[] {
  const lines: string[] = [];
  const unwanted = wanted.filter((want) => want.startsWith("-")).map((want) => want.slice(1));
  for (const [name, value] of headers) {
    if (SECRETS.has(name) || (!wanted.includes(name) && NOT_ANSWERED_TO.has(name))) continue;
    if (!wanted.some((want) => matches(name, want)) || unwanted.some((want) => matches(name, want))) continue;
    lines.push(`${name}: ${(ACCEPTED.has(name) ? acceptedTypes : listed)(value)}`);
  }
  return lines.sort();
}

/** A bare hash over a secret could be guessed at: credentials are the scope's matter, whatever the settings say. */
const SECRETS = new Set([...SECRET_HEADERS, "cookie", "proxy-authorization"]);
const NOT_ANSWERED_TO = new Set(notAnswerHeaders.map(({ name }) => name));

function matches(name: string, want: string): boolean {
  return want.endsWith("*") ? name.startsWith(want.slice(0, -1)) : name === want;
}

/** A list whose order and repetitions say nothing. */
function listed(value: string): string {
  return [...new Set(membersOf(value))].sort().join(",");
}

const ACCEPTED = new Set(["accept", "x-amzn-bedrock-accept"]);

/** Types have no case and blanks around them say nothing; of two that are as welcome a server may take the first. */
function acceptedTypes(value: string): string {
  const bare = (type: string) =>
    type
      .split(";")
      .map((part) => part.trim())
      .join(";");
  return membersOf(value.toLowerCase()).map(bare).join(",");
}

function membersOf(value: string): string[] {
  return value
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}
