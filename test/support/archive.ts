/** Archives for tests: over a desk on the loop, which answers in the same process without a thread. */
import { createHash } from "node:crypto";
import type { Archive } from "../../src/cache/archive.ts";
import { type CacheKey, memoryBody } from "../../src/cache/entry.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { Thread } from "../../src/host.ts";
import type { NewRequest, RequestHead } from "../../src/requests/kept.ts";
import { type ArchiveSettings, openArchive } from "../../src/storage/archive.ts";
import { Desk } from "../../src/storage/desk.ts";
import type { CallMessage } from "../../src/storage/desk-calls.ts";
import type { openStore } from "../../src/storage/store.ts";
import { entryOf, MIB, openDatabase, openTestStore } from "./store.ts";

/** A thread that is none. */
export function deskOnLoop(clock: Clock = systemClock): Thread {
  let hear = (_message: unknown) => {};
  const desk = new Desk({ openDatabase, clock, report: (report) => hear({ report }) });
  let stopped = false;
  return {
    post(message, transfer = []) {
      const copy = structuredClone(message, { transfer: [...transfer] }) as CallMessage;
      void desk.take(copy).then((answer) => stopped || hear(structuredClone(answer)));
    },
    onMessage(handler) {
      hear = handler;
    },
    onFault() {},
    stop() {
      stopped = true;
    },
  };
}

export interface Shelf {
  readonly folder: string;
  readonly archive: Archive;
  readonly store: Awaited<ReturnType<typeof openStore>>;
  readonly reports: string[];
  readonly settings: { -readonly [Name in keyof ArchiveSettings]: ArchiveSettings[Name] };
  /** Stores an entry for the request and remembers it; resolves to its key. */
  keep(request: NewRequest): Promise<CacheKey>;
  close(): Promise<void>;
}

/** A store and its archive in one folder. */
export async function openShelf(
  folder: string,
  { settings = {}, startThread = () => deskOnLoop() }: ShelfOptions = {},
): Promise<Shelf> {
  const reports: string[] = [];
  const store = await openTestStore(folder);
  const all = {
    requests: "full" as const,
    searchText: 32 * 1024,
    journalKeepMs: Infinity,
    journalSize: 64 * MIB,
    maxSize: 1024 * MIB,
    ...settings,
  };
  const archive = openArchive({
    folder,
    startThread,
    clock: systemClock,
    settings: () => all,
    report: (message) => reports.push(message),
  });
  return {
    folder,
    archive,
    store,
    reports,
    settings: all,
    async keep(request) {
      const key = keyOfRequest(request);
      await store.put(entryFor(key, request));
      archive.keep(key, request);
      return key;
    },
    async close() {
      await archive.close();
      await store.close();
    },
  };
}

interface ShelfOptions {
  readonly settings?: Partial<ArchiveSettings>;
  readonly startThread?: () => Thread;
}

export function entryFor(key: CacheKey, { head }: NewRequest) {
  const { provider, endpoint, model, namespace } = head;
  const facts = { provider, endpoint, model, namespace, pool: "all", stream: false };
  return entryOf(0, "", { key, facts, body: memoryBody(new TextEncoder().encode("an answer")) });
}

/** Stands for the key that the proxy would make: another one for another head or body. */
export function keyOfRequest({ head }: NewRequest): CacheKey {
  return createHash("sha256").update(JSON.stringify(head)).digest("hex") as CacheKey;
}

/** A request as the proxy hands it over, with a digest that stands for its canonical form's. */
export function requestOf(
  body: unknown,
  head: Partial<RequestHead> = {},
  ignored: string[] = [],
): NewRequest {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const model = (body as { model?: string }).model;
  return {
    head: {
      method: "POST",
      provider: "openai",
      endpoint: "chat",
      model: typeof model === "string" ? model : undefined,
      namespace: "",
      sample: 0,
      path: "/v1/chat/completions",
      query: "",
      headers: [],
      contentType: "application/json",
      digest: `json:${createHash("sha256").update(text).digest("hex")}`,
      ...head,
    },
    body: new TextEncoder().encode(text),
    ignored,
  };
}

export function chat(messages: readonly string[], more: object = {}): object {
  return {
    model: "gpt-test",
    messages: messages.map((content, at) => ({ role: at % 2 === 0 ? "user" : "assistant", content })),
    ...more,
  };
}
