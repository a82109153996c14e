import type { Described, KeptRequest } from "./kept.ts";

const BOUNDARY = "askonce-remembered";

/**
 * A remembered request as somebody would describe it, to be explained. Its `digest` stands for a body that can't be
 * written again: one not remembered, with masked credentials, or with files.
 */
export function describedOf({ head, body, masked }: KeptRequest): Described {
  const headers: Record<string, string> = {};
  for (const line of head.headers) {
    const colon = line.indexOf(": ");
    headers[line.slice(0, colon)] = line.slice(colon + 2);
  }
  // Without a namespace there is no place for controls in the path.
  const sampled = head.sample > 0;
  if (sampled && head.namespace === "") headers["x-cache-sample"] = String(head.sample);
  const sample = sampled ? `;sample=${head.sample}` : "";
  const namespace = head.namespace === "" ? "" : `/@${head.namespace}${sample}`;
  const written = writtenBody(body);
  const type = written?.contentType ?? head.contentType;
  if (type !== "") headers["content-type"] = type;
  const whole = masked.length === 0 && written !== undefined;
  return {
    method: head.method,
    path: `${namespace}/${head.provider}${head.path}${head.query}`,
    headers,
    body: new TextEncoder().encode(written?.text ?? ""),
    ...(!whole && head.digest !== "" && { digest: head.digest }),
  };
}

/** The body's text; undefined where it can't be written again. */
function writtenBody(body: KeptRequest["body"]): { text: string; contentType?: string } | undefined {
  if (body === undefined || body.form === "bytes") return undefined;
  if (body.form !== "fields") return { text: body.text };
  const parts: string[] = [];
  for (const { headers, text } of body.fields) {
    if (text === undefined || text.includes(BOUNDARY)) return undefined;
    parts.push(`--${BOUNDARY}\r\n${headers.join("\r\n")}\r\n\r\n${text}\r\n`);
  }
  return {
    text: `${parts.join("")}--${BOUNDARY}--\r\n`,
    contentType: `multipart/form-data; boundary=${BOUNDARY}`,
  };
}
