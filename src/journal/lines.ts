import type { RequestEvent } from "./event.ts";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** One request as nginx's cache log has it: `addr - - [time] "request" status bytes "referer" "agent" Cache: HIT`. */
export function textLine(event: RequestEvent): string {
  const request = `${event.method} ${event.target} HTTP/1.1`;
  return (
    `${event.remote} - - [${timestamp(event.at)}] "${quoted(request)}" ${event.status} ${event.bytes} ` +
    `"${quoted(event.referer ?? "-")}" "${quoted(event.userAgent ?? "-")}" Cache: ${event.cache}\n`
  );
}

/** The same and more, one JSON object. */
export function jsonLine(event: RequestEvent): string {
  const line = {
    time: new Date(event.at).toISOString(),
    remote: event.remote,
    method: event.method,
    path: event.target,
    status: event.status,
    bytes: event.bytes,
    referer: event.referer,
    user_agent: event.userAgent,
    cache: event.cache,
    outcome: event.outcome,
    detail: event.detail,
    not_kept: event.notKept,
    request_id: event.requestId,
    provider: event.provider,
    endpoint: event.endpoint,
    model: event.model,
    namespace: event.namespace === "" ? undefined : event.namespace,
    credential: event.credential === "" ? undefined : event.credential,
    key: event.key,
    first_byte_ms: rounded(event.firstByteMs),
    total_ms: rounded(event.totalMs),
    input_tokens: event.usage?.inputTokens,
    output_tokens: event.usage?.outputTokens,
    cost_usd: event.costUsd,
    saved_usd: event.saved?.costUsd,
    aborted: event.aborted ? true : undefined,
  };
  return `${JSON.stringify(line)}\n`;
}

let stamped = { second: Number.NaN, text: "" };

/** nginx's `$time_local`, in UTC: `23/Nov/2026:17:45:54 +0000`; made once a second. */
function timestamp(at: number): string {
  const second = Math.floor(at / 1000);
  if (second !== stamped.second) stamped = { second, text: timeLocal(at) };
  return stamped.text;
}

function timeLocal(at: number): string {
  const date = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()]}/${date.getUTCFullYear()}`;
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`;
}

/** Printable ASCII without quotes and backslashes. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** nginx's escaping of log variables: quotes, backslashes and bytes outside printable ASCII as `\xHH`. */
function quoted(text: string): string {
  if (PLAIN.test(text)) return text;
  let plain = "";
  for (const char of text) {
    const code = char.charCodeAt(0);
    if (code >= 0x20 && code < 0x7f && char !== '"' && char !== "\\") plain += char;
    else
      for (const byte of new TextEncoder().encode(char))
        plain += `\\x${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return plain;
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 100) / 100;
}
