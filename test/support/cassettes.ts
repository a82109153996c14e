/** What cassettes are read from and written to, in memory: entries, their requests, and keys worked out simply. */
import { createHash } from "node:crypto";
import type { CassetteParts } from "../../src/admin/cassette.ts";
import { exportLines, importLines } from "../../src/admin/cassette.ts";
import type { Archive } from "../../src/cache/archive.ts";
import { type CacheKey, type Entry, memoryBody } from "../../src/cache/entry.ts";
import type { Store } from "../../src/cache/store.ts";
import { StoreFault } from "../../src/errors.ts";
import type { KeptBody, KeptRequest, NewRequest, RequestHead } from "../../src/requests/kept.ts";
import { testClock } from "./store.ts";

export const sha256 = (text: string | Uint8Array) => createHash("sha256").update(text).digest("hex");

/** Digest as the proxy makes it, but for the order of members. */
function digestOf(head: RequestHead, body: KeptBody | undefined): string {
  if (body === undefined) return "";
  if (body.form === "fields") {
    return `form:${sha256(body.fields.map(({ headers, sha256: sum }) => `${headers.join("\r\n")}\n${sum}`).join("\n"))}`;
  }
  if (body.form === "bytes") return `raw:${sha256(head.contentType + body.sha256)}`;
  if (body.form === "json") return `json:${sha256(JSON.stringify(JSON.parse(body.text)))}`;
  return `raw:${sha256(head.contentType + body.text)}`;
}

export interface Deck {
  readonly parts: CassetteParts;
  readonly entries: Map<CacheKey, Entry>;
  readonly kept: Map<CacheKey, KeptRequest>;
  /** The credentials that `rekey` was given. */
  readonly asked: (string | undefined)[];
  /** Stores an answer as the proxy would; resolves to its key. */
  record(request: RecordedRequest, answer: RecordedAnswer): Promise<CacheKey>;
  export(options?: Partial<Parameters<typeof exportLines>[1]>): Promise<string>;
  import(text: string, options?: Parameters<typeof importLines>[2]): ReturnType<typeof importLines>;
  /** The bytes that a request of this key would get. */
  answer(key: CacheKey): string;
}

export type RecordedRequest = Partial<RequestHead> & {
  readonly body?: KeptBody;
  readonly masked?: readonly string[];
};
export type RecordedAnswer = Partial<Entry> & { readonly bytes: string | Uint8Array; readonly pool?: string };

/** `labels` are those that this installation knows; a path that ends in /bound needs one. Under scope "credential" each has a pool of its own. */
export function deck(options: { scope?: string; labels?: readonly string[]; failing?: boolean } = {}): Deck {
  const { scope = "shared", labels = [] } = options;
  const entries = new Map<CacheKey, Entry>();
  const kept = new Map<CacheKey, KeptRequest>();
  const asked: Deck["asked"] = [];
  const clock = testClock();

  const keyed = (head: RequestHead, pool: string) =>
    sha256(
      JSON.stringify([
        pool,
        head.namespace,
        head.sample,
        head.method,
        head.provider,
        head.path,
        head.query,
        head.headers,
        head.digest,
      ]),
    ) as CacheKey;
  const rekey: CassetteParts["rekey"] = async (request, { credential, own = false }) => {
    asked.push(credential);
    const apart = scope === "credential" || own || request.head.path.endsWith("/bound");
    if (apart && (credential === undefined || !labels.includes(credential))) {
      return { refused: "the label of a credential that is known here is needed" };
    }
    const head = { ...request.head, digest: digestOf(request.head, request.body) };
    const pool = apart ? `${credential}${"0".repeat(52)}` : "all";
    const { provider, endpoint, model, namespace } = head;
    return { key: keyed(head, pool), facts: { provider, endpoint, model, namespace, pool }, head };
  };
  const store = {
    get: (key) => entries.get(key),
    async putAll(all) {
      if (options.failing) throw new StoreFault("the disk is full");
      for (const entry of all) entries.set(entry.key, entry);
    },
  } as Partial<Store> as Store;
  const order = (key: CacheKey) => {
    const { head } = kept.get(key) as KeptRequest;
    return [head.provider, head.path, head.namespace, head.model ?? "", head.digest, head.sample, key].join(
      "\0",
    );
  };
  const archive = {
    sorted: async ({ namespace }) =>
      [...kept.keys()]
        .filter((key) => namespace === undefined || kept.get(key)?.head.namespace === namespace)
        .sort((one, other) => (order(one) < order(other) ? -1 : 1)),
    requests: async (keys) => keys.map((key) => kept.get(key)),
    keep: (key, _bytes, request) => void kept.set(key, remembered(request())),
    settled: async () => {},
  } as Partial<Archive> as Archive;
  const parts: CassetteParts = { store, archive, rekey, clock, config: () => ({ scope }) };
  return {
    parts,
    entries,
    kept,
    asked,
    async record(request, { bytes, pool = "all", ...answer }) {
      const body = request.body;
      const plain = headOf(request);
      const head = { ...plain, digest: request.digest ?? digestOf(plain, body) };
      const key = keyed(head, pool);
      const { provider, endpoint, model, namespace } = head;
      const stream = answer.chunks !== undefined;
      kept.set(key, { head, body, masked: request.masked ?? [] });
      entries.set(key, {
        key,
        status: 200,
        headers: [["content-type", stream ? "text/event-stream" : "application/json"]],
        startedAt: 1,
        storedAt: 2,
        ttlMs: undefined,
        firstByteMs: 30.4,
        durationMs: 80.6,
        chunks: undefined,
        ...answer,
        body: memoryBody(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes),
        facts: { provider, endpoint, model, namespace, pool, stream },
      });
      return key;
    },
    async export(wanted = {}) {
      let text = "";
      for await (const piece of exportLines(parts, { filter: {}, ...wanted })) text += piece;
      return text;
    },
    import: (text, wanted) => importLines(parts, new Blob([text]).stream(), wanted),
    answer(key) {
      const body = entries.get(key)?.body;
      return body === undefined ? "" : new TextDecoder("utf-8", { ignoreBOM: true }).decode(body.bytes);
    },
  };
}

function headOf(request: RecordedRequest): RequestHead {
  const { body: _, masked: __, ...head } = request;
  return {
    method: "POST",
    provider: "openai",
    endpoint: "chat",
    model: undefined,
    namespace: "",
    sample: 0,
    path: "/v1/chat/completions",
    query: "",
    headers: [],
    contentType: "application/json",
    digest: "",
    ...head,
  };
}

/** As the archive takes it apart. */
function remembered({ head, body, kept }: NewRequest): KeptRequest {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(body);
  const form = head.digest.startsWith("json:") ? "json" : "text";
  const own: KeptBody | undefined = head.method === "GET" ? undefined : (kept ?? { form, text });
  return { head, body: own, masked: [] };
}

/** A chat request of one message. */
export function chat(text: string, more: Record<string, unknown> = {}): RecordedRequest {
  const body = { model: "gpt-4o-mini", messages: [{ role: "user", content: text }], ...more };
  return { model: "gpt-4o-mini", body: { form: "json", text: JSON.stringify(body) } };
}
