import type { Config } from "../config.ts";
import { notAnswerHeaders } from "../providers/request-headers.ts";
import { volatileFor } from "../providers/volatile.ts";
import type { LeftOut } from "../requests/kept.ts";
import { maskSecrets } from "../requests/secrets.ts";
import { isAlias } from "./aliases.ts";
import type { Call } from "./call.ts";
import {
  credentialLabel,
  isSecretQuery,
  MASKED_VALUE,
  masked,
  queryPairs,
  SECRET_HEADERS,
} from "./credential.ts";
import type { Job } from "./flight.ts";
import { connectionHeaders, isOwnControl } from "./headers.ts";
import { KEY_VERSION } from "./key.ts";
import { maskOf } from "./mask.ts";
import { EVERYBODY } from "./policy.ts";
import type { Question } from "./question.ts";
import { requestHead } from "./remember.ts";

/** What the key is made of, in order, as people read it. */
export function keyPartsOf(job: Job, label: string): readonly { name: string; value: string }[] {
  const { namespace, sample, provider, path, query, headers, digest } = requestHead(job);
  const pool = job.facts.pool === EVERYBODY ? EVERYBODY : `credential ${label === "" ? "(none)" : label}`;
  return [
    { name: "key version", value: String(KEY_VERSION) },
    { name: "pool", value: pool },
    { name: "namespace", value: namespace },
    { name: "sample", value: String(sample) },
    { name: "provider", value: provider },
    { name: "path", value: path },
    { name: "query", value: query },
    { name: "headers", value: headers.join("; ") },
    { name: "body", value: digest },
  ];
}

/** `all`, or the label of the credential whose own pool it is. */
export function poolName(pool: string): string {
  return pool === EVERYBODY ? EVERYBODY : `credential ${credentialLabel({ present: true, tag: pool })}`;
}

interface Asking {
  readonly job: Job;
  readonly question: Question;
  readonly config: Config;
}

/** What is there and does not count for the key, and why. Names only: a value may be a secret. */
export async function leftOutOf(call: Call, asking: Asking): Promise<readonly LeftOut[]> {
  return [
    ...leftOutHeaders(call, asking),
    ...leftOutQuery(call),
    ...leftOutMembers(asking),
    ...leftOutTexts(asking),
  ];
}

const NOT_ANSWERED_TO = new Map(notAnswerHeaders.map(({ name, reason }) => [name, reason]));

/** Why a header does not count, by the first pattern that its name matches. */
const HEADER_REASONS: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:x-stainless-|user-agent$|x-app$|referer$|http-referer$|x-title$|sec-)/,
    "telemetry: what the client is called",
  ],
  [/^(?:x-)?idempotency-key$/, "names one attempt of a request"],
  [
    /^(?:traceparent|tracestate|baggage|x-b3-|b3$|x-request-id$|x-client-request-id$|x-correlation-id$|x-amzn-trace-id$|x-cloud-trace-context$|sentry-trace$|uber-trace-id$|x-datadog-)/,
    "trace id",
  ],
  [/^cache-control$|^pragma$/, "a control of the cache"],
  [/^content-type$/, "the body counts in its canonical form"],
  [/^content-encoding$/, "the body counts in its decoded form"],
  [/^accept/, "how the answer is delivered"],
  [/^origin$|^access-control-/, "which page asks"],
];

function leftOutHeaders(call: Call, { job, config }: Asking): LeftOut[] {
  const counted = new Set(job.keyParts.headers.map((line) => line.slice(0, line.indexOf(":"))));
  const secrets = new Set([...SECRET_HEADERS, "cookie", "proxy-authorization"]);
  const ofConnection = connectionHeaders(call.request.headers);
  const reasonFor = (name: string): string => {
    if (secrets.has(name)) return "credential: whose it is, is the scope's matter";
    if (isOwnControl(name)) return "a control of askonce's";
    if (isAlias(name, job.provider)) return "a control of another gateway's";
    if (ofConnection(name)) return "hop-by-hop: belongs to one connection";
    const known = NOT_ANSWERED_TO.get(name);
    if (known !== undefined) return known;
    if (config.keyHeaders.includes(`-${name}`)) return "setting key.headers";
    return HEADER_REASONS.find(([pattern]) => pattern.test(name))?.[1] ?? "not known to change an answer";
  };
  return [...call.request.headers.keys()]
    .filter(
      (name) => !counted.has(name) && !(name === "content-type" && job.content.digest.startsWith("raw:")),
    )
    .map((name) => ({ where: "header", name, reason: reasonFor(name) }));
}

function leftOutQuery(call: Call): LeftOut[] {
  const names = queryPairs(call.route.query).flatMap(([name]) => (isSecretQuery(name) ? [name] : []));
  return [...new Set(names)].map((name) => ({ where: "query", name, reason: "credential" }));
}

function leftOutMembers({ job, question, config }: Asking): LeftOut[] {
  const { endpoint, path, json } = question.asked;
  if (question.digest.startsWith("raw:")) return [];
  const table = volatileFor({ provider: { name: job.provider }, kind: endpoint.kind, path });
  const names = json === undefined ? question.fields : Object.keys(json);
  return [...new Set(names)]
    .filter((name) => question.ignored.has(name))
    .map((name) => ({
      where: "body",
      name,
      reason: config.keyIgnore.includes(name)
        ? "setting key.ignore"
        : (table.find((field) => field.name === name)?.reason ?? "varies per call"),
    }));
}

const MOST_TEXTS = 50;
const TEXTS_BYTES = 1024 * 1024;

/** The texts of which `key.mask` leaves something out. What it is may be a secret, as a signed URL's signature. */
function leftOutTexts({ question, config }: Asking): LeftOut[] {
  const mask = maskOf(config.keyMask);
  const { asked, plain } = question;
  if (mask === undefined || asked.json === undefined || question.canonical === undefined) return [];
  if (asked.endpoint.kind === "embeddings" || plain.byteLength > TEXTS_BYTES) return [];
  const found: LeftOut[] = [];
  const walk = (value: unknown, place: { path: string; member: string; name: string }) => {
    if (found.length >= MOST_TEXTS) return;
    if (typeof value === "string") {
      const count = (mask.pieces(value, place)?.length ?? 1) - 1;
      const reason = `setting key.mask leaves out ${count} ${count === 1 ? "part" : "parts"} of it`;
      if (count > 0) found.push({ where: "text", name: place.path, reason });
    } else if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) walk(item, { ...place, path: `${place.path}[${at}]` });
    } else if (typeof value === "object" && value !== null) {
      for (const [name, item] of Object.entries(value))
        walk(item, { ...place, name, path: `${place.path}.${name}` });
    }
  };
  for (const [member, value] of Object.entries(asked.json)) {
    if (mask.applies(member) && !question.ignored.has(member))
      walk(value, { path: member, member, name: member });
  }
  return found;
}

const READABLE_BYTES = 64 * 1024;
/** Names of members whose text is a credential, as tool servers get them. */
const SECRET_MEMBER =
  /authorization|api[-_]?key|access[-_]?key|auth[-_]?token|access[-_]?token|refresh[-_]?token|secret|passw(?:or)?d|credential|bearer|cookie/i;
const NAME_LENGTH = 100;
/** A text, and the text that follows it where it is a name. */
const TEXTS = /"((?:[^"\\]|\\.)*)"(?::"(?:[^"\\]|\\.)*(?:"|$))?/g;

/** A canonical body as people read it: at most 64 KiB, credentials masked, and a mark where `key.mask` left something out. */
export function readable(canonical: Uint8Array): string {
  const text = new TextDecoder().decode(maskSecrets(canonical.subarray(0, READABLE_BYTES)).text);
  const plain = masked(withoutSecrets(text).replaceAll("\x1a", "…"));
  return canonical.byteLength > READABLE_BYTES ? `${plain.replace(/\uFFFD+$/, "")}…` : plain;
}

function withoutSecrets(json: string): string {
  return json.replace(TEXTS, (all, name: string) => {
    const named = all.length > name.length + 2 && name.length <= NAME_LENGTH;
    return named && SECRET_MEMBER.test(name) ? `"${name}":"${MASKED_VALUE}"` : all;
  });
}
