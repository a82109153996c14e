import { hash } from "node:crypto";
import { and, asc, eq, gt, lt, sql } from "drizzle-orm";
import type { CacheKey } from "../cache/entry.ts";
import { featuresOf } from "../requests/features.ts";
import type { KeptRequest } from "../requests/kept.ts";
import { joinBody, splitBody } from "../requests/parts.ts";
import { promptOf, textsOf } from "../requests/words.ts";
import { PartTable } from "./archive-parts.ts";
import { FORM, features, requests } from "./archive-schema.ts";
import { WordTable } from "./archive-words.ts";
import type { Database } from "./database.ts";
import { hot, hotInsert } from "./hot.ts";
import {
  digestBytes,
  headOf,
  keyHeadOf,
  packFeatures,
  packIds,
  sharedHeadOf,
  unpackFeatures,
  unpackIds,
} from "./request-rows.ts";

const arg = sql.placeholder;

export interface KeepOptions {
  readonly requests: "full" | "hash";
  /** Bytes of texts that are indexed. */
  readonly searchText: number;
}

export type RequestRow = NonNullable<ReturnType<ReturnType<typeof prepare>["read"]["get"]>>;

/** What is remembered of requests, by the id of their entries. Every call that writes is part of a transaction. */
export class RequestTables {
  readonly parts: PartTable;
  readonly words: WordTable;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(readonly db: Database) {
    this.parts = new PartTable(db);
    this.words = new WordTable(db);
    this.#statements = prepare(db);
  }

  /** Runs `act`, which keeps requests, as a part of one transaction: what they have in common is counted at its end. */
  together(act: () => void): void {
    try {
      act();
      this.parts.counted();
    } finally {
      this.parts.undone();
    }
  }

  /** To be called within `together`. Remembers a request, unless the same one is remembered for that entry already. */
  keep(entry: { id: number; key: CacheKey }, request: KeptRequest, options: KeepOptions): void {
    const { head, body } = request;
    const digest = digestBytes(head.digest);
    const { known } = this.#statements;
    // Nearly all are new, and the whole row takes Drizzle as long as three statements.
    const old = known.get({ entryId: entry.id }) === undefined ? undefined : this.row(entry.id);
    const full = options.requests === "full";
    if (old !== undefined) {
      const same = old.keyHead === keyHeadOf(entry.key) && digest.equals(old.digest);
      const held = full ? old.form <= FORM.bytes : old.form === FORM.digests;
      if (same && held && sameHead(this.headOf(old), head)) return;
      this.drop(entry.id);
    }
    if (body === undefined) return;
    const split = splitBody(body, { everyText: !full });
    const bytes = [split.skeleton, ...split.parts];
    const ids = bytes.map((part, at) => this.parts.hold(part, { digestOnly: !full && at > 0 }));
    const values = featuresOf(request, sha256).map(({ value }) => value);
    const { addRequest, addFeature } = this.#statements;
    addRequest({
      entryId: entry.id,
      keyHead: keyHeadOf(entry.key),
      headId: this.parts.hold(ENCODER.encode(sharedHeadOf(head))),
      sample: head.sample,
      digest,
      form: full ? FORM[split.form] : FORM.digests,
      size: bytes.reduce((sum, part) => sum + part.byteLength, 0),
      parts: packIds(ids),
      features: packFeatures(values),
      masked: request.masked.length === 0 ? null : JSON.stringify(request.masked),
      prompt: full ? (promptOf(body) ?? null) : null,
    });
    for (const value of values) addFeature({ value, entryId: entry.id });
    if (!full || options.searchText <= 0) return;
    const texts = textsOf(body, options.searchText);
    if (texts !== "") this.words.add(entry.id, { head, texts });
  }

  row(entryId: number): RequestRow | undefined {
    return this.#statements.read.get({ entryId });
  }

  /** `seen` spares reading a head twice that many requests have in common. */
  headOf(row: Pick<RequestRow, "headId" | "sample" | "digest">, seen?: Map<number, string>) {
    const shared = seen?.get(row.headId) ?? DECODER.decode(this.parts.read(row.headId));
    seen?.set(row.headId, shared);
    return headOf(shared, row);
  }

  /** What is needed to put a request in its place; cheaper than the whole row. */
  place(entryId: number) {
    return this.#statements.place.get({ entryId });
  }

  /** What is remembered; the body is undefined where it was not to be, or its room was needed. */
  requestOf(row: RequestRow): KeptRequest {
    const masked = row.masked === null ? [] : (JSON.parse(row.masked) as string[]);
    const head = this.headOf(row);
    const form = BODY_FORMS[row.form];
    if (form === undefined) return { head, body: undefined, masked };
    const [skeleton, ...held] = unpackIds(row.parts).map((id) => this.parts.read(id));
    return { head, body: joinBody({ form, skeleton: skeleton as Uint8Array, parts: held }), masked };
  }

  /** Prompts by entry id, of those that have one and whose key begins so. */
  prompts(entries: readonly { id: number; key: CacheKey }[]): Map<number, string> {
    const found = new Map<number, string>();
    for (const { id, key } of entries) {
      const row = this.#statements.prompt.get({ entryId: id });
      if (row?.prompt && row.keyHead === keyHeadOf(key)) found.set(id, row.prompt);
    }
    return found;
  }

  /** Ids of the newest entries that share the mark. */
  sharing(value: number, limit: number): number[] {
    return this.#statements.sharing.all({ value, limit }).map(({ entryId }) => entryId);
  }

  /** Forgets all of a request. */
  drop(entryId: number): void {
    const row = this.row(entryId);
    if (row === undefined) return;
    const { dropFeature, dropRequest } = this.#statements;
    for (const value of unpackFeatures(row.features)) dropFeature.run({ value, entryId });
    this.words.drop(entryId);
    this.parts.release([row.headId, ...unpackIds(row.parts)]);
    dropRequest.run({ entryId });
  }

  /** Forgets the body and its words; by its head and marks it can still be found. */
  dropTexts(entryId: number): void {
    const row = this.row(entryId);
    if (row === undefined) return;
    this.words.drop(entryId);
    this.parts.release(unpackIds(row.parts));
    this.#statements.dropTexts.run({ entryId });
  }

  /** Entry ids beyond `after` in their order; `held`: only of those that have texts or digests. */
  ids(after: number, { limit, held = false }: { limit: number; held?: boolean }) {
    const statement = held ? this.#statements.heldIds : this.#statements.ids;
    return statement.all({ after, limit });
  }

  /** Forgets all requests. */
  clear(): void {
    for (const table of ["requests", "features", "parts"]) this.db.exec(`DELETE FROM ${table}`);
    this.words.clear();
  }
}

export function sha256(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

const BODY_FORMS = ["json", "fields", "text", "bytes"] as const;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

function sameHead(one: KeptRequest["head"], other: KeptRequest["head"]): boolean {
  return one.sample === other.sample && sharedHeadOf(one) === sharedHeadOf(other);
}

function prepare(db: Database) {
  const { orm } = db;
  const limit = sql`${arg("limit")}` as unknown as number;
  const idsBeyond = gt(requests.entryId, arg("after"));
  const ids = { entryId: requests.entryId, keyHead: requests.keyHead };
  return {
    read: orm
      .select()
      .from(requests)
      .where(eq(requests.entryId, arg("entryId")))
      .prepare(),
    known: hot(
      db,
      orm
        .select({ entryId: requests.entryId })
        .from(requests)
        .where(eq(requests.entryId, arg("entryId"))),
      ["entryId"],
    ),
    prompt: orm
      .select({ prompt: requests.prompt, keyHead: requests.keyHead })
      .from(requests)
      .where(eq(requests.entryId, arg("entryId")))
      .prepare(),
    place: orm
      .select({
        keyHead: requests.keyHead,
        headId: requests.headId,
        sample: requests.sample,
        digest: requests.digest,
      })
      .from(requests)
      .where(eq(requests.entryId, arg("entryId")))
      .prepare(),
    addRequest: hotInsert(
      db,
      orm.insert(requests).values({
        entryId: arg("entryId"),
        keyHead: arg("keyHead"),
        headId: arg("headId"),
        sample: arg("sample"),
        digest: arg("digest"),
        form: arg("form"),
        size: arg("size"),
        parts: arg("parts"),
        features: arg("features"),
        masked: arg("masked"),
        prompt: arg("prompt"),
      }),
    ),
    addFeature: hotInsert(
      db,
      orm
        .insert(features)
        .values({ value: arg("value"), entryId: arg("entryId") })
        .onConflictDoNothing(),
    ),
    sharing: orm
      .select({ entryId: features.entryId })
      .from(features)
      .where(eq(features.value, arg("value")))
      .orderBy(sql`${features.entryId} DESC`)
      .limit(limit)
      .prepare(),
    dropFeature: orm
      .delete(features)
      .where(and(eq(features.value, arg("value")), eq(features.entryId, arg("entryId"))))
      .prepare(),
    dropRequest: orm
      .delete(requests)
      .where(eq(requests.entryId, arg("entryId")))
      .prepare(),
    dropTexts: orm
      .update(requests)
      .set({ form: FORM.dropped, parts: Buffer.alloc(0), masked: null, prompt: null })
      .where(eq(requests.entryId, arg("entryId")))
      .prepare(),
    ids: orm
      .select(ids)
      .from(requests)
      .where(idsBeyond)
      .orderBy(asc(requests.entryId))
      .limit(limit)
      .prepare(),
    heldIds: orm
      .select(ids)
      .from(requests)
      .where(and(idsBeyond, lt(requests.form, FORM.dropped)))
      .orderBy(asc(requests.entryId))
      .limit(limit)
      .prepare(),
  };
}
