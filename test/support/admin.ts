/** The admin API over an archive, a store and a journal that are a few lines each and say what they were asked. */
import { type AdminParts, createAdmin } from "../../src/admin/admin.ts";
import type { Archive, EntryRow } from "../../src/cache/archive.ts";
import { type CacheKey, type Entry, memoryBody } from "../../src/cache/entry.ts";
import type { JournalRow, StatsFigures } from "../../src/cache/figures.ts";
import type { EntryFilter } from "../../src/cache/store.ts";
import { type Config, parseConfig } from "../../src/config.ts";
import type { RequestEvent } from "../../src/journal/event.ts";
import type { Explained, KeptRequest, NewRequest } from "../../src/requests/kept.ts";

export const NOW = Date.UTC(2026, 10, 23, 12);
export const TOKEN = "ao_a-token-of-this-test";
const HOUR = 3_600_000;

export interface Desk {
  readonly parts: AdminParts;
  readonly rows: EntryRow[];
  readonly kept: Map<CacheKey, KeptRequest>;
  readonly journal: JournalRow[];
  readonly reports: string[];
  readonly followers: Set<(event: RequestEvent) => void>;
  readonly ending: AbortController;
  /** Calls of the archive and of purge, in order. */
  readonly asked: { readonly what: string; readonly of: unknown }[];
  config: Config;
  token: string;
  /** Puts an entry with its request in. */
  add(
    number: number,
    row?: Partial<EntryRow>,
    answer?: { body?: string; headers?: Entry["headers"] },
  ): CacheKey;
  /** With the token, from this machine, unless said otherwise. */
  ask(method: string, path: string, options?: AskOptions): Promise<Response>;
}

export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** A text goes as it is, all else as JSON. */
  readonly body?: unknown;
  readonly token?: string | null;
  readonly peer?: string;
}

export function keyNumber(number: number): CacheKey {
  return number.toString(16).padStart(2, "0").repeat(32) as CacheKey;
}

export const NO_FIGURES: StatsFigures = {
  ...{
    requests: 0,
    hits: 0,
    misses: 0,
    partial: 0,
    joined: 0,
    bypassed: 0,
    refused: 0,
    errors: 0,
    aborted: 0,
  },
  ...{ bytes: 0, calls: 0, spentTokens: 0, spentUsd: 0, refreshes: 0, refreshTokens: 0, refreshUsd: 0 },
  ...{ unread: 0, unreadTokens: 0, unreadUsd: 0, savedTokens: 0, savedUsd: 0, savedMs: 0 },
  ...{ joinedTokens: 0, joinedUsd: 0, unpriced: 0, notKept: {}, hitLatency: [], missLatency: [] },
};

export function event(facts: Partial<RequestEvent> = {}): RequestEvent {
  return {
    ...{ at: NOW, remote: "127.0.0.1", method: "POST", target: "/openai/v1/chat/completions", status: 200 },
    ...{ bytes: 10, userAgent: undefined, referer: undefined, cache: "HIT", detail: undefined },
    ...{ requestId: "req_1", provider: "openai", endpoint: "chat", model: "m", namespace: "" },
    ...{
      key: keyNumber(1),
      firstByteMs: 0.5,
      totalMs: 1,
      usage: undefined,
      costUsd: undefined,
      paid: false,
      aborted: false,
    },
    ...{ outcome: "hit", notKept: undefined, credential: "", shared: undefined, unread: false },
    saved: { inputTokens: 3, outputTokens: 4, costUsd: 0.25, ms: 900 },
    ...facts,
  } as RequestEvent;
}

export const EXPLAINED: Explained = {
  would: "MISS",
  why: "Nothing is stored under its key.",
  detail: undefined,
  provider: "openai",
  endpoint: "chat",
  model: "m",
  namespace: "",
  key: keyNumber(9),
  keyParts: [{ name: "provider", value: "openai" }],
  leftOut: [{ where: "body", name: "user", reason: "varies per call" }],
  canonical: "{}",
  stored: undefined,
  nearest: [],
};

/** `archive` replaces single answers of the archive. */
export function desk(archive: Partial<Archive> = {}, changes: Partial<AdminParts> = {}): Desk {
  const entries = new Map<CacheKey, Entry>();
  const rows: EntryRow[] = [];
  const asked: Desk["asked"][number][] = [];
  const { config } = parseConfig(
    { file: undefined, env: {}, flags: [] },
    { dataFolder: "/nowhere", absolute: (path) => path },
  );
  const ending = new AbortController();
  const self: Desk = {
    ...{
      rows,
      asked,
      config,
      ending,
      token: TOKEN,
      reports: [],
      journal: [],
      kept: new Map(),
      followers: new Set(),
    },
    add(
      number,
      row = {},
      { body = "{}", headers = [["content-type", "application/json"]] as Entry["headers"] } = {},
    ) {
      const made = entryOf(number, { row, body, headers });
      entries.set(made.entry.key, made.entry);
      rows.push(made.row);
      self.kept.set(made.entry.key, made.kept);
      return made.entry.key;
    },
    async ask(method, path, { headers = {}, body, token = self.token, peer = "127.0.0.1" } = {}) {
      const text = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
      const request = new Request(`http://127.0.0.1:8181${path}`, {
        method,
        headers: {
          ...(token !== null && { authorization: `Bearer ${token}` }),
          ...(text !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(text !== undefined && { body: text }),
      });
      return await admin.fetch(request, { peer: { address: peer } });
    },
    parts: {
      config: () => self.config,
      change({ mode, ttlMs }) {
        self.config = { ...self.config, ...(mode && { mode }), ...(ttlMs !== undefined && { ttlMs }) };
      },
      store: {
        get: (key) => entries.get(key),
        put: async (entry) => void entries.set(entry.key, entry),
        delete: async (key) => entries.delete(key),
        touch: () => {},
        async change(key, { pinned, ttlMs }) {
          const at = rows.findIndex((row) => row.key === key);
          const row = rows[at];
          if (row === undefined) return false;
          const ttl = ttlMs === undefined ? {} : { ttlMs: ttlMs ?? undefined };
          rows[at] = { ...row, ...(pinned !== undefined && { pinned }), ...ttl };
          return true;
        },
        purge: (filter) => purge(filter),
        putAll: async () => {},
        stats: () => ({ entries: rows.length, bytes: 4096, evictions: 0, faults: 0 }),
        health: () => ({ ok: true, reasons: [] }),
        close: async () => {},
      },
      archive: { ...fakeArchive(), ...archive },
      journal: {
        add: () => {},
        refreshed: () => {},
        follow(listener) {
          self.followers.add(listener);
          return () => self.followers.delete(listener);
        },
        flush: async () => {},
        metrics: async () => "askonce_up 1\n",
        close: async () => {},
      },
      explainer: {
        async explain(request) {
          asked.push({ what: "explain", of: request });
          return EXPLAINED;
        },
      },
      rekey: async () => ({ refused: "not here" }),
      purge: (filter) => purge(filter),
      token: {
        accepts: async (given) => given === self.token,
        async rotate() {
          self.token = `${TOKEN}-${asked.length}-rotated`;
          return self.token;
        },
      },
      clock: { now: () => NOW, monotonic: () => 5_000 },
      version: "1.2.3",
      runtime: "a runtime",
      pid: 42,
      ending: ending.signal,
      report: (message) => void self.reports.push(message),
      ...changes,
    },
  };
  const matching = (filter: EntryFilter) => rows.filter((row) => matches(row, filter));
  const purge = async (filter: EntryFilter) => {
    asked.push({ what: "purge", of: filter });
    const gone = matching(filter);
    for (const { key } of gone) {
      entries.delete(key);
      rows.splice(
        rows.findIndex((row) => row.key === key),
        1,
      );
    }
    return gone.length;
  };
  function fakeArchive(): Archive {
    return {
      keep: () => {},
      async list(query) {
        asked.push({ what: "list", of: query });
        const from = query.cursor === undefined ? 0 : Number(query.cursor);
        if (!(from >= 0)) throw new RangeError("no such cursor");
        const all = matching(query.filter).filter(({ prompt }) => (prompt ?? "").includes(query.q ?? ""));
        const page = all.slice(from, from + query.limit);
        const next = from + query.limit;
        return { entries: page, nextCursor: next < all.length ? String(next) : undefined };
      },
      find: async (keys) => keys.map((key) => rows.find((row) => row.key === key)),
      requests: async (keys) => keys.map((key) => self.kept.get(key)),
      async count(filter) {
        asked.push({ what: "count", of: filter });
        return matching(filter).length;
      },
      sorted: async (filter) => matching(filter).map(({ key }) => key),
      nearest: async (_: NewRequest) => [],
      nearestTo: async () => [],
      record: async () => {},
      async stats(query) {
        asked.push({ what: "stats", of: query });
        return { total: NO_FIGURES, groups: [], series: [], stepMs: 60_000 };
      },
      async rows(query) {
        asked.push({ what: "rows", of: query });
        return { rows: self.journal.slice(0, query.limit), nextBefore: undefined };
      },
      credentials: async () => [
        { label: "0123456789ab", name: "evaluation", firstSeen: NOW - HOUR, lastSeen: NOW },
      ],
      poolOf: async () => undefined,
      nameCredential: async (label) => label === "0123456789ab",
      state: () => ({ bytes: 2048, queued: 0, dropped: 0, faults: 0, fault: undefined }),
      settled: async () => {},
      close: async () => {},
    };
  }
  const admin = createAdmin(self.parts);
  return self;
}

function matches(row: EntryRow, filter: EntryFilter): boolean {
  return (
    (filter.provider ?? row.provider) === row.provider &&
    (filter.endpoint ?? row.endpoint) === row.endpoint &&
    (filter.model ?? row.model) === row.model &&
    (filter.namespace ?? row.namespace) === row.namespace &&
    (filter.keys?.includes(row.key) ?? true) &&
    row.key.startsWith(filter.keyPrefix ?? "") &&
    row.storedAt < (filter.storedBefore ?? Number.POSITIVE_INFINITY) &&
    row.storedAt >= (filter.storedSince ?? 0)
  );
}

function entryOf(
  number: number,
  { row, body, headers }: { row: Partial<EntryRow>; body: string; headers: Entry["headers"] },
): { entry: Entry; row: EntryRow; kept: KeptRequest } {
  const key = keyNumber(number);
  const bytes = new TextEncoder().encode(body);
  const facts = {
    provider: "openai",
    endpoint: "chat",
    model: "m",
    namespace: "",
    pool: "all",
    stream: false,
  };
  const times = { storedAt: NOW - HOUR, ttlMs: undefined, firstByteMs: 100.456, durationMs: 900 };
  return {
    entry: {
      ...{ key, status: row.status ?? 200, headers, facts, ...times, startedAt: NOW - HOUR - 900 },
      ...{ body: memoryBody(bytes), chunks: undefined },
    },
    row: {
      ...{ key, ...facts, ...times, status: 200, size: bytes.byteLength, lastUsed: NOW - HOUR, hits: 0 },
      ...{
        pinned: false,
        imported: false,
        inputTokens: 3,
        outputTokens: 4,
        costUsd: 0.5,
        prompt: `prompt ${number}`,
      },
      ...row,
    },
    kept: {
      head: {
        ...{ method: "POST", provider: "openai", endpoint: "chat", model: "m", namespace: "", sample: 0 },
        ...{ path: "/v1/chat/completions", query: "", headers: ["openai-beta: x"] },
        ...{ contentType: "application/json", digest: "json:00" },
      },
      body: { form: "json", text: `{"model":"m","seed":12345678901234567890,"messages":[${number}]}` },
      masked: ["tools[0].token"],
    },
  };
}
