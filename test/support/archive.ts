/** Archives for tests: over a desk on the loop, which answers in the same process without a thread. */
import { createHash } from "node:crypto";
import type { Archive } from "../../src/cache/archive.ts";
import { type CacheKey, memoryBody } from "../../src/cache/entry.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { thread } from "../../src/host.node.ts";
import type { Thread } from "../../src/host.ts";
import type { NewRequest, RequestHead } from "../../src/requests/kept.ts";
import { type ArchiveSettings, openArchive } from "../../src/storage/archive.ts";
import type { OpenDatabase } from "../../src/storage/database.ts";
import { Desk } from "../../src/storage/desk.ts";
import type { CallMessage } from "../../src/storage/desk-calls.ts";
import type { openStore } from "../../src/storage/store.ts";
import { entryOf, MIB, onBun, openDatabase, openTestStore } from "./store.ts";

const worker = onBun ? "../../src/storage/desk.bun.ts" : "../../src/storage/desk.deno.ts";

/** A real one, of the runtime that runs the test. */
export const startThread = (): Thread =>
  thread(new Worker(new URL(worker, import.meta.url).href, { type: "module" }));

/** A thread that is none. */
export function deskOnLoop(clock: Clock = systemClock, { pages = 0 } = {}): Thread {
  let hear = (_message: unknown) => {};
  const open: OpenDatabase = (path) => {
    const db = openDatabase(path);
    // What a full disk looks like from inside.
    if (pages > 0 && path.endsWith("archive.db")) db.value(`PRAGMA max_page_count = ${pages}`);
    return db;
  };
  const desk = new Desk({ openDatabase: open, clock, report: (report) => hear({ report }) });
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
  { settings = {}, startThread = () => deskOnLoop(), answerMs, emptied }: ShelfOptions = {},
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
    stored: () => store.settled(),
    tendMs: 20,
    ...(answerMs !== undefined && { answerMs }),
    ...(emptied !== undefined && { emptied }),
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
      archive.keep(key, request.body.byteLength, () => request);
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
  readonly answerMs?: number;
  readonly emptied?: (peak: number) => void;
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

/** The bodies of an agent's session: tools, a system prompt, and a conversation that grows by two turns each. */
export function agentSession(turns: number): object[] {
  const tools = Array.from({ length: 20 }, (_, n) => ({
    name: `tool_${n}`,
    description: prose(n, 300),
    input_schema: {
      type: "object",
      properties: { path: { type: "string", description: prose(n + 50, 20) } },
    },
  }));
  const messages: object[] = [{ role: "user", content: prose(99, 200) }];
  return Array.from({ length: turns }, (_, n) => {
    if (n > 0) {
      const id = `toolu_${n}`;
      const call = { type: "tool_use", id, name: `tool_${n % 20}`, input: { path: `/src/file-${n}.ts` } };
      messages.push(
        { role: "assistant", content: [{ type: "text", text: prose(n * 2, 60) }, call] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: id, content: prose(n * 2 + 1, 560) }] },
      );
    }
    return {
      model: "claude-test",
      max_tokens: 8192,
      system: prose(1000, 1500),
      tools,
      messages: [...messages],
    };
  });
}

/** Words that repeat about as often as those of a real text. */
function prose(seed: number, count: number): string {
  let state = seed + 1;
  const words: string[] = [];
  for (let n = 0; n < count; n++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // Common words are common: the rank falls with the square of a uniform number.
    const rank = Math.floor(((state >>> 8) / 2 ** 24) ** 2 * 4000);
    words.push(`w${((rank + 7) * 7919).toString(36)}`);
  }
  return words.join(" ");
}

/** Notes in `gone` what is not there, as the store does where it keeps that table. */
export async function noteGone({ folder }: Shelf): Promise<void> {
  const main = openDatabase(`${folder}/askonce.db`);
  const archive = openDatabase(`${folder}/archive.db`);
  try {
    main.value("PRAGMA busy_timeout = 5000");
    if (Number(main.value("SELECT count(*) FROM sqlite_master WHERE name = 'gone'")) > 0) return;
    main.exec("CREATE TABLE gone (seq INTEGER PRIMARY KEY AUTOINCREMENT, id INTEGER NOT NULL)");
    const ids = String(archive.value("SELECT group_concat(entry_id) FROM requests")).split(",");
    for (const id of ids) {
      if (Number(main.value(`SELECT count(*) FROM entries WHERE id = ${id}`)) === 0)
        main.exec(`INSERT INTO gone (id) VALUES (${id})`);
    }
  } finally {
    main.close();
    archive.close();
  }
}
