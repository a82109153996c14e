import type { Recording } from "../cache/recording.ts";
import type { Fetched } from "../host.ts";
import { carriesError } from "../providers/finding.ts";
import { LOOK_UP } from "../providers/look-ups.ts";
import type { EndpointKind, Finding, RefusalReason, Watcher } from "../providers/provider.ts";
import { vectorsRefusal } from "../providers/vectors.ts";
import { readDocument } from "./document.ts";
import type { Job } from "./flight.ts";
import { isJson, mediaType } from "./headers.ts";

/** Endpoints that may answer with something else than JSON: sound, pictures, subtitles, plain text. */
const OTHER_FORMS: ReadonlySet<EndpointKind> = new Set(["speech", "images", "transcription", "other"]);

/** What lists of models and models are known by: a `detail` beside one of these is theirs. */
const LISTED = ["data", "models", "id", "name", "details"];

const NOTHING = { usage: undefined, model: undefined, cutShort: undefined };

/** What an answer under 200 or 404 is worth, once its transport has come to a clean end. */
export async function judgeAnswer(
  job: Pick<Job, "asked" | "family" | "request">,
  answer: { response: Fetched; recording: Recording; watcher: Watcher | undefined; http2: boolean },
): Promise<Finding> {
  const { response, recording, watcher } = answer;
  if (response.status !== 200) {
    const refusal = (await isBrokenJson(response, recording)) ? "not-json" : undefined;
    return { refusal, accountBound: true, ...NOTHING };
  }
  if (watcher) return watcher.finish();
  const type = mediaType(response.headers);
  if (type === "text/event-stream") return refused("no-end-marker");
  const { kind } = job.asked.endpoint;
  const lookUp = job.asked.endpoint === LOOK_UP;
  if (isJson(type) || lookUp || !OTHER_FORMS.has(kind)) {
    const document = await readDocument(recording.chunks(), recording.size);
    if (document === undefined) return refused("not-json");
    if (lookUp && carriesError(document.value, LISTED)) return refused("error-body");
    const amiss = vectorsRefusal(job.asked, document.value);
    const found = job.family.judge(job.asked, document.value, document.shortened);
    return amiss === undefined ? found : { ...found, refusal: amiss };
  }
  // Closing the connection ends a body without length or chunking, and proves nothing about its completeness, not even
  // under TLS: Bun takes its connection's end for the body's. HTTP/2 needs neither.
  const delimited =
    response.headers.has("content-length") ||
    response.headers.has("transfer-encoding") ||
    (answer.http2 && job.request.url.startsWith("https:"));
  if (!delimited) return refused("incomplete");
  if (recording.size === 0) return refused("empty");
  if (isPage(kind, type)) return refused("error-body");
  return { refusal: undefined, accountBound: false, ...NOTHING };
}

async function isBrokenJson({ headers }: Fetched, recording: Recording): Promise<boolean> {
  if (!isJson(mediaType(headers))) return false;
  return (await readDocument(recording.chunks(), recording.size)) === undefined;
}

/** A page (of a login, a gateway's error) where there should be sound or a picture. Transcripts may come as any text. */
function isPage(kind: EndpointKind, type: string): boolean {
  if (kind === "speech") return /^text\/|html/.test(type);
  return kind === "images" && type.includes("html");
}

/** A finding that says no more than why not. */
export function refused(refusal: RefusalReason): Finding {
  return { refusal, accountBound: false, ...NOTHING };
}
