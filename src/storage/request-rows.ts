import type { RequestHead } from "../requests/kept.ts";

/** What requests of one kind have in common, in one part. */
type SharedHead = readonly [
  method: RequestHead["method"],
  provider: string,
  endpoint: string,
  model: string | null,
  namespace: string,
  path: string,
  query: string,
  headers: readonly string[],
  contentType: string,
];

/** The head less what is another one for each request. */
export function sharedHeadOf(head: RequestHead): string {
  const { method, provider, endpoint, model, namespace, path, query, headers, contentType } = head;
  const shared: SharedHead = [
    method,
    provider,
    endpoint,
    model ?? null,
    namespace,
    path,
    query,
    headers,
    contentType,
  ];
  return JSON.stringify(shared);
}

export function headOf(
  shared: string,
  { sample, digest }: { sample: number; digest: Uint8Array },
): RequestHead {
  const [method, provider, endpoint, model, namespace, path, query, headers, contentType] = JSON.parse(
    shared,
  ) as SharedHead;
  return {
    method,
    provider,
    endpoint,
    model: model ?? undefined,
    namespace,
    sample,
    path,
    query,
    headers,
    contentType,
    digest: digestText(digest),
  };
}

const HEX = /^([a-z]+:)([0-9a-f]{64})$/;

/** `json:` and the like stay text, the hex digits become bytes; any other text stays whole. */
export function digestBytes(digest: string): Buffer {
  const found = HEX.exec(digest);
  if (found === null) return Buffer.from(digest);
  return Buffer.concat([Buffer.from(found[1] as string), Buffer.from(found[2] as string, "hex")]);
}

function digestText(bytes: Uint8Array): string {
  const colon = bytes.indexOf(0x3a);
  if (colon < 0 || bytes.byteLength !== colon + 33) return Buffer.from(bytes).toString();
  return (
    Buffer.from(bytes.subarray(0, colon + 1)).toString() +
    Buffer.from(bytes.subarray(colon + 1)).toString("hex")
  );
}

/** The first 48 bits of a key in hex. */
export function keyHeadOf(key: string): number {
  return Number.parseInt(key.slice(0, 12), 16);
}

export function packIds(ids: readonly number[]): Buffer {
  const bytes: number[] = [];
  for (const id of ids) {
    let rest = id;
    while (rest >= 0x80) {
      bytes.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    bytes.push(rest);
  }
  return Buffer.from(bytes);
}

export function unpackIds(bytes: Uint8Array): number[] {
  const ids: number[] = [];
  let id = 0;
  let place = 1;
  for (const byte of bytes) {
    id += (byte & 0x7f) * place;
    place *= 0x80;
    if (byte >= 0x80) continue;
    ids.push(id);
    id = 0;
    place = 1;
  }
  return ids;
}

export function packFeatures(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 6);
  for (const [at, value] of values.entries()) bytes.writeUIntBE(value, at * 6, 6);
  return bytes;
}

export function unpackFeatures(bytes: Uint8Array): number[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.byteLength / 6) }, (_, at) => buffer.readUIntBE(at * 6, 6));
}
