import { type JsonPath, pathText, stringIn, walkStrings } from "./json-walk.ts";
import { READ_BY_MODEL } from "./members.ts";
import { concat } from "./parts.ts";

/** What stands in the place of a credential. */
export const MASKED = "[masked]";

const PATHS_NAMED = 100;

/**
 * A JSON text with the credentials in it masked: tokens of tool servers, header values, keys in the queries of URLs.
 * `paths` says where, at most 100 of them. What was said in a conversation is left alone whatever it holds, but for
 * URLs that a provider is told to fetch.
 */
export function maskSecrets(text: Uint8Array): {
  readonly text: Uint8Array;
  readonly paths: readonly string[];
} {
  const pieces: Uint8Array[] = [];
  const paths: string[] = [];
  let from = 0;
  walkStrings(text, (path, start, end) => {
    if (end - start < 3) return;
    const masked = maskedAt(path, () => stringIn(text, start, end), end - start);
    if (masked === undefined) return;
    pieces.push(text.subarray(from, start), ENCODER.encode(JSON.stringify(masked)));
    from = end;
    if (paths.length < PATHS_NAMED) paths.push(pathText(path));
  });
  if (pieces.length === 0) return { text, paths };
  pieces.push(text.subarray(from));
  return { text: concat(pieces), paths };
}

/** Whether a member or form field of this name holds a credential. */
export function isSecretName(name: string): boolean {
  const plain = name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");
  return SECRET_NAMES.test(plain) && !HARMLESS_NAMES.test(plain);
}

/** The value to keep instead; undefined where it can be kept as it is. */
function maskedAt(whole: JsonPath, value: () => string, size: number): string | undefined {
  // All of a path for each text would take the square of a text's depth.
  const path = whole.length <= 2 * STEPS ? whole : [...whole.slice(0, STEPS), ...whole.slice(-STEPS)];
  const name = lastName(path);
  if (typeof path[0] === "string" && READ_BY_MODEL.has(path[0])) {
    return size <= URL_BYTES && URL_NAMES.test(name) ? maskedUrl(value()) : undefined;
  }
  if (inSchema(path)) return VALUES.has(name) && path.some(isSecretStep) ? MASKED : undefined;
  if (isSecretName(name) && path.length > 0) return MASKED;
  if (isHeaderValue(path) || (VALUES.has(name) && path.slice(0, -1).some(isSecretStep))) return MASKED;
  if (size > URL_BYTES) return undefined;
  const text = value();
  return TOKEN_TEXT.test(text) ? MASKED : maskedUrl(text, { path: SERVERS.test(String(path[0])) });
}

/**
 * A URL without user, password and secret members of its query; undefined for any other text. `path`: also without
 * what looks like a key in its path, where hosted tool servers have it.
 */
function maskedUrl(text: string, { path = false } = {}): string | undefined {
  const [start] = /^[a-z][a-z0-9+.-]{1,20}:\/\/[^/?#]*/i.exec(text) ?? [];
  if (start === undefined) return undefined;
  const rest = text.slice(start.length);
  const plain = path ? rest.replace(/^[^?#]*/, (segments) => segments.replace(TOKEN_SEGMENT, MASKED)) : rest;
  const masked = (start + plain)
    .replace(/^([^:]+:\/\/)[^/?#]*@/, `$1${MASKED}@`)
    .replace(/([?&#;]([^=&#;]{1,100})=)([^&#;]+)/g, (all, head: string, name: string) =>
      SECRET_QUERY.test(name) || isSecretName(name) ? head + MASKED : all,
    );
  return masked === text ? undefined : masked;
}

/** Below `headers`, `extra_headers` and the like: all but the names in a list of pairs. */
function isHeaderValue(path: JsonPath): boolean {
  const at = path.findIndex((step) => typeof step === "string" && /headers$/i.test(step));
  if (at < 0) return false;
  const name = path.at(-1);
  return !(path.length > at + 2 && (name === "name" || name === "key"));
}

function inSchema(path: JsonPath): boolean {
  return path.some((step) => typeof step === "string" && SCHEMA.has(step));
}

function isSecretStep(step: string | number): boolean {
  return typeof step === "string" && isSecretName(step);
}

function lastName(path: JsonPath): string {
  for (let at = path.length - 1; at >= 0; at--) {
    const step = path[at];
    if (typeof step === "string") return step;
  }
  return "";
}

// Names as they read without case and punctuation.
const SECRET_NAMES =
  /(?:authorization|token|password|passwd|passphrase|secret|pwd|jwt|apikey|accesskey|secretkey|privatekey|signingkey|subscriptionkey|credentials?|cookies?|bearer|authkey)$/;
/** Tokens that a model counts or writes, and handles that open nothing. */
const HARMLESS_NAMES = /(?:pad|eos|bos|unk|sep|cls|mask|stop|start|begin|end|image|special)token$/;
const SECRET_QUERY = /(?:^|[_.-])(?:key|sig|signature|code|auth|jwt|sas|pwd|hash)$|^x-(?:amz|goog)-/i;
const URL_NAMES = /ur[il]$|^(?:image|file|video|audio)$/i;
const TOKEN_TEXT =
  /^(?:bearer|basic|token)\s+\S{6,}|^(?:sk|pk|rk|xox[a-z]|gh[a-z]|github_pat|glpat|hf|gsk|xai|AKIA|AIza)[-_]?[A-Za-z0-9_-]{16,}$/i;
/** Top-level members whose URLs are those of servers; elsewhere an image may have such a name. */
const SERVERS = /^(?:tools?|mcp|plugin|connector|server|webhook|callback|data_?source)/i;
/** Long, of letters and digits: no word that somebody chose. */
const TOKEN_SEGMENT = /(?<=\/)(?=[^/]*[0-9])(?=[^/]*[A-Za-z])[A-Za-z0-9_=~-]{16,}(?=\/|$)/g;
/** Looked at from the top of a path, and from its end. */
const STEPS = 32;
const VALUES: ReadonlySet<string> = new Set(["default", "const", "value", "example", "examples", "enum"]);
const SCHEMA: ReadonlySet<string> = new Set([
  "parameters",
  "input_schema",
  "inputSchema",
  "parametersJsonSchema",
  "responseJsonSchema",
  "response_schema",
  "responseSchema",
  "response_format",
  "json_schema",
  "schema",
  "properties",
  "$defs",
  "definitions",
]);
/** A longer text is no URL that anybody fetches (data URLs aside, which hold no credential). */
const URL_BYTES = 8 * 1024;
const ENCODER = new TextEncoder();
