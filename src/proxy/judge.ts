import type { Recording } from "../cache/recording.ts";
import type { Fetched } from "../host.ts";
import type { Asked, EndpointKind, Finding, RefusalReason, Watcher } from "../providers/provider.ts";
import { readDocument } from "./document.ts";
import type { Job } from "./flight.ts";
import { isJson, mediaType } from "./headers.ts";

/** Endpoints that may answer with something else than JSON: sound, pictures, subtitles, plain text. */
const OTHER_FORMS: ReadonlySet<EndpointKind> = new Set(["speech", "images", "transcription", "other"]);

const NOTHING = { usage: undefined, model: undefined, cutShort: undefined };

/** What an answer under 200 or 404 is worth, once its transport has come to a clean end. */
export async function judgeAnswer(
  job: Pick<Job, "asked" | "family" | "request">,
  answer: { response: Fetched; recording: Recording; watcher: Watcher | undefined; http2: boolean },
): Promise<Finding> {
  const { response, recording, watcher } = answer;
  if (response.status !== 200) return { refusal: undefined, accountBound: true, ...NOTHING };
  if (watcher) return watcher.finish();
  const type = mediaType(response.headers);
  if (type === "text/event-stream") return refused("no-end-marker");
  const { kind } = job.asked.endpoint;
  if (isJson(type) || !OTHER_FORMS.has(kind)) {
    const document = await readDocument(recording.chunks(), recording.size);
    if (document === undefined) return refused("not-json");
    if (isShort(job.asked, document.value)) return refused("incomplete");
    return job.family.judge(job.asked, document.value, document.shortened);
  }
  // Closing the connection ends a body without length or chunking, and proves nothing about its completeness, not even
  // under TLS: Bun takes its connection's end for the body's. HTTP/2 needs neither.
  const delimited =
    response.headers.has("content-length") ||
    response.headers.has("transfer-encoding") ||
    (answer.http2 && job.request.url.startsWith("https:"));
  if (!delimited) return refused("incomplete");
  if (recording.size === 0) return refused("empty");
  return { refusal: undefined, accountBound: false, ...NOTHING };
}

/** Whether an answer of embeddings has fewer or more vectors than inputs were asked for. */
function isShort({ endpoint, json }: Asked, value: unknown): boolean {
  if (endpoint.kind !== "embeddings" || !Array.isArray(json?.input)) return false;
  const { data } = (value ?? {}) as { data?: unknown };
  // A list of numbers is one input in tokens.
  const inputs = typeof json.input[0] === "number" ? 1 : json.input.length;
  return Array.isArray(data) && inputs > 0 && data.length !== inputs;
}

/** A finding that says no more than why not. */
export function refused(refusal: RefusalReason): Finding {
  return { refusal, accountBound: false, ...NOTHING };
}
