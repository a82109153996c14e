import type { Host } from "../host.ts";
import type { Asked, Endpoint } from "../providers/provider.ts";
import { isLabel, type Part } from "../requests/multipart.ts";
import { digestBody, type KeySettings } from "./body-digest.ts";
import type { Budget } from "./budget.ts";
import type { Call } from "./call.ts";
import { readDocument } from "./document.ts";
import { sentUp } from "./headers.ts";

/** What a cacheable request asks: its body decoded, digested and looked into. */
export interface Question {
  readonly asked: Asked;
  /** Which form of the body was digested, and its SHA-256 in hex; "" where there is none. */
  readonly digest: string;
  /** The decoded body, and its canonical form where it has one. */
  readonly plain: Uint8Array;
  readonly canonical: Uint8Array | undefined;
  readonly wantsStream: boolean;
  readonly model: string | undefined;
  readonly accountBound: boolean;
  readonly contentType: string;
  /** The coding that the body came in, "" for none. */
  readonly coding: string;
  /** Top-level members and form fields that don't count for the key, present or not. */
  readonly ignored: ReadonlySet<string>;
  /** Names of the form's fields that may be left out; empty for anything else. */
  readonly fields: readonly string[];
}

const CODINGS = ["gzip", "deflate", "br", "zstd"] as const;
const MODEL_LENGTH = 200;

/** Answers a word for `detail=` where the body turns out not to be cacheable. */
export async function readQuestion(
  call: Call,
  bytes: Uint8Array,
  options: { host: Pick<Host, "decode">; maxRequest: number; settings: KeySettings; budget: Budget },
): Promise<Question | string> {
  const { endpoint } = call.route;
  if (endpoint === undefined) return "endpoint";
  if (call.method === "GET") return lookUpQuestion(call, endpoint);
  const plain = await decodedBody(call.request.headers, bytes, options);
  if (typeof plain === "string") return plain;
  // Its decoded form, if it is another, and its canonical one.
  const working = plain.byteLength + (plain === bytes ? 0 : plain.byteLength);
  if (!options.budget.take(working)) return "memory";
  try {
    return await question(call, plain, { ...options, endpoint });
  } finally {
    options.budget.give(working);
  }
}

/** A GET has no body that could count: no other request's digest is empty. */
function lookUpQuestion(call: Call, endpoint: Endpoint): Question {
  const { upstreamPath, query } = call.route;
  const asked: Asked = { endpoint, path: upstreamPath, query, json: undefined };
  return {
    asked,
    digest: "",
    plain: new Uint8Array(0),
    canonical: undefined,
    wantsStream: false,
    model: modelOf(asked),
    accountBound: false,
    contentType: "",
    coding: "",
    ignored: new Set(),
    fields: [],
  };
}

async function question(
  call: Call,
  plain: Uint8Array,
  options: { settings: KeySettings; endpoint: Endpoint },
): Promise<Question | string> {
  const { endpoint } = options;
  const { provider, upstreamPath, query } = call.route;
  const opens = isObject(plain);
  const document = opens ? await readDocument([plain], plain.byteLength) : undefined;
  const json = document?.value as Asked["json"];
  const asked: Asked = { endpoint, path: upstreamPath, query, json };
  const stateful = provider.family.stateful(asked, options.settings.cacheAnyway);
  if (stateful !== undefined) return stateful;
  const contentType = sentUp(call.request.headers, "content-type") ?? "";
  const digested = await digestBody(plain, {
    contentType,
    provider,
    endpoint,
    path: upstreamPath,
    json: document,
    settings: options.settings,
  });
  const { digest, parts, ignored } = digested;
  const n = fieldOf(parts, "n");
  return {
    asked: n !== undefined && /^\d{1,3}$/.test(n) ? { ...asked, formCount: Number(n) } : asked,
    digest,
    plain,
    get canonical() {
      return digested.canonical;
    },
    wantsStream: wantsStream(asked) || fieldOf(parts, "stream") === "true",
    model: modelOf(asked) ?? fieldOf(parts, "model"),
    // An object that can't be looked into may name anything, so its answer is for its own credential.
    accountBound: (opens && document === undefined) || provider.family.accountBound(asked),
    contentType,
    coding: codingOf(call.request.headers),
    ignored,
    fields: parts?.filter((part) => isLabel(part, part.content)).map(({ name }) => name) ?? [],
  };
}

/** A short text field of a form, where one alone has that name. */
function fieldOf(parts: readonly Part[] | undefined, name: string): string | undefined {
  const [found, ...more] = parts?.filter((part) => part.name === name) ?? [];
  if (found === undefined || more.length > 0 || found.content.byteLength > MODEL_LENGTH) return undefined;
  return new TextDecoder().decode(found.content);
}

/** A request body goes up as it came and counts in its decoded form; a word for `detail=` where it can't be decoded. */
export async function decodedBody(
  headers: Headers,
  bytes: Uint8Array,
  options: { host: Pick<Host, "decode">; maxRequest: number; budget: Budget },
): Promise<Uint8Array | "coding" | "memory"> {
  const named = codingOf(headers);
  if (named === "") return bytes;
  const coding = CODINGS.find((known) => known === named.replace(/^x-/, ""));
  if (coding === undefined) return "coding";
  // Few bytes can stand for many: what may come out is reserved before it does, little first and then the most.
  for (const most of [Math.min(options.maxRequest, bytes.byteLength * 32 + 65_536), options.maxRequest]) {
    if (!options.budget.take(most)) return "memory";
    try {
      return await options.host.decode(coding, bytes, most);
    } catch {
      // Damaged, or more than that: the second time it is damaged or too much.
    } finally {
      options.budget.give(most);
    }
  }
  return "coding";
}

/** The coding of a request's body, "" for none. */
function codingOf(headers: Headers): string {
  const named = sentUp(headers, "content-encoding")?.trim().toLowerCase() ?? "";
  return named === "identity" ? "" : named;
}

/** Whether the first byte that is no white space or byte order mark opens a JSON object. */
function isObject(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
  return first === 0x7b;
}

function wantsStream(asked: Asked): boolean {
  if (/:streamGenerateContent$|-stream$/.test(asked.path)) return true;
  const said = asked.json?.stream;
  return said === true || (asked.endpoint.streamsByDefault === true && said !== false);
}

/** The model as the request names it: in the body, or in the path as Google, Bedrock and Azure have it. */
export function modelOf(asked: Asked): string | undefined {
  const said = asked.json?.model;
  if (typeof said === "string" && said !== "") return said.slice(0, MODEL_LENGTH);
  return modelInPath(asked.path)?.slice(0, MODEL_LENGTH);
}

export function modelInPath(path: string): string | undefined {
  return /\/(?:models?|deployments)\/([^/:]+)/.exec(path)?.[1];
}
