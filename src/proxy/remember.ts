import type { CacheKey } from "../cache/entry.ts";
import type { NewRequest, RequestHead } from "../requests/kept.ts";
import { keyQuery, masked, maskedQuery, maskedValue } from "./credential.ts";
import type { Job } from "./flight.ts";
import type { ProxyParts } from "./parts.ts";
import { decodedBody } from "./question.ts";

const NOTHING = new Uint8Array(0);

/** One input of a batch, as a request of its own. */
export interface PartRequest {
  readonly path: string;
  readonly digest: string;
  readonly body: Uint8Array;
}

/** Hands the request of an entry that was just committed to the archive, which queues it. Never rejects. */
export function remember(
  parts: Pick<ProxyParts, "archive" | "budget" | "host">,
  job: Job,
  entry: { key: CacheKey; part?: PartRequest | undefined },
): void {
  if (!job.plan.remembers) return;
  const keep = (body: Uint8Array) =>
    parts.archive.keep(entry.key, body.byteLength, () => newRequest(job, { ...entry.part, body }));
  if (entry.part !== undefined) keep(entry.part.body);
  else if (job.content.coding === "") keep(job.request.body ?? NOTHING);
  else void plainBody(parts, job).then((body) => body && keep(body));
}

/** The decoded body of what goes up: decoded anew, so that no second copy is held while the call runs. */
export async function plainBody(
  parts: Pick<ProxyParts, "budget" | "host">,
  job: Job,
): Promise<Uint8Array | undefined> {
  const { body = NOTHING, headers } = job.request;
  if (job.content.coding === "") return body;
  const { budget, host } = parts;
  const plain = await decodedBody(headers, body, { budget, host, maxRequest: job.plan.maxRequest });
  return typeof plain === "string" ? undefined : plain;
}

/** A request as it is remembered, compared and found again; `body` decoded. */
export function newRequest(
  job: Job,
  asked: { body: Uint8Array; path?: string | undefined; digest?: string | undefined },
): NewRequest {
  const head = requestHead(job);
  return {
    head: { ...head, path: asked.path ?? head.path, digest: asked.digest ?? head.digest },
    body: asked.body,
    ignored: [...job.content.ignored],
  };
}

/** What may be a secret in its path, its query or its headers is masked: it is written down. */
export function requestHead({ keyParts, facts, request, content }: Job): RequestHead {
  const query = keyQuery(keyParts.query);
  return {
    method: request.method === "GET" ? "GET" : "POST",
    provider: keyParts.provider,
    endpoint: facts.endpoint,
    model: facts.model,
    namespace: keyParts.namespace,
    sample: keyParts.sample,
    path: masked(keyParts.path),
    query: query === "" ? "" : maskedQuery(query),
    headers: keyParts.headers.map(maskedLine),
    contentType: content.contentType,
    digest: content.digest,
  };
}

function maskedLine(line: string): string {
  const colon = line.indexOf(": ");
  const name = line.slice(0, colon);
  return `${name}: ${maskedValue(name, line.slice(colon + 2))}`;
}
