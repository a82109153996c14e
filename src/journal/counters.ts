import type { Spent } from "../cache/entry.ts";
import { type Dimensions, emptyTally, OTHER, type Tally, type TallyDelta } from "../cache/figures.ts";
import type { RefreshEvent, RequestEvent, RequestOutcome } from "./event.ts";
import { binOf, emptyBins } from "./latency.ts";
import { isUnpricedCall, isUnpricedHit, tokensOf } from "./unpriced.ts";

/** Groups told apart in one minute; more fold into OTHER, by provider and endpoint. */
export const MOST_GROUPS = 1_000;
/** Minutes held back while the archive takes nothing; what comes later is counted by the hour. */
const MOST_MINUTES = 1_500;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A group's sums of one minute while they grow: a `TallyDelta` that can be written to. */
interface Cell extends TallyDelta {
  readonly dimensions: Dimensions;
  readonly tally: Tally;
  readonly notKept: Record<string, number>;
  readonly hitLatency: number[];
  readonly missLatency: number[];
}

type Told = Pick<RequestEvent, "at" | "provider" | "endpoint" | "model" | "namespace" | "credential">;

/** Sums by minute and group. A request finds its group by its own strings; nothing is put together for it. */
export class Counters {
  #minutes = new Map<number, Minute>();
  #last: Cell | undefined;

  /** Whether nothing was counted since the last `take`. */
  get empty(): boolean {
    return this.#minutes.size === 0;
  }

  add(event: RequestEvent): void {
    if (event.provider === undefined) return;
    const cell = this.#cell(event);
    const { tally } = cell;
    tally.requests++;
    tally[MEMBERS[event.outcome]]++;
    tally.bytes += event.bytes;
    if (event.status >= 400) tally.errors++;
    if (event.aborted) tally.aborted++;
    if (event.outcome === "hit") cell.hitLatency[binOf(event.totalMs)]!++;
    else if (event.outcome === "miss") cell.missLatency[binOf(event.totalMs)]!++;
    if (event.saved !== undefined) addSaved(tally, event.saved);
    if (isUnpricedHit(event)) tally.unpriced++;
    // An old answer served because the provider failed is a hit that led a call.
    if (event.outcome !== "hit" || event.notKept !== undefined || event.usage !== undefined)
      addCall(cell, event);
  }

  refreshed(event: RefreshEvent): void {
    const cell = this.#cell(event);
    const { tally } = cell;
    const tokens = tokensOf(event.usage);
    const usd = event.costUsd ?? 0;
    tally.calls++;
    tally.refreshes++;
    tally.spentTokens += tokens;
    tally.refreshTokens += tokens;
    tally.spentUsd += usd;
    tally.refreshUsd += usd;
    if (isUnpricedCall(event)) tally.unpriced++;
    if (event.notKept !== undefined) note(cell.notKept, event.notKept);
  }

  /** What was counted since the last time. */
  take(): TallyDelta[] {
    const cells = [...this.#minutes.values()].flatMap((minute) => minute.cells);
    this.#minutes = new Map();
    this.#last = undefined;
    return cells;
  }

  #cell(event: Told): Cell {
    const last = this.#last;
    const minute = Math.floor(event.at / MINUTE_MS) * MINUTE_MS;
    if (
      last !== undefined &&
      last.minute === minute &&
      last.dimensions.model === (event.model ?? "") &&
      last.dimensions.namespace === event.namespace &&
      last.dimensions.provider === event.provider &&
      last.dimensions.endpoint === (event.endpoint ?? "") &&
      last.dimensions.credential === event.credential
    )
      return last;
    let groups = this.#minutes.get(minute);
    if (groups === undefined) {
      const crowded = this.#minutes.size >= MOST_MINUTES;
      const start = crowded ? Math.floor(minute / HOUR_MS) * HOUR_MS : minute;
      groups = this.#minutes.get(start) ?? new Minute(start);
      this.#minutes.set(start, groups);
    }
    this.#last = groups.cell(event);
    return this.#last;
  }
}

type Nested = Map<string, Map<string, Map<string, Map<string, Map<string, Cell>>>>>;

class Minute {
  readonly cells: Cell[] = [];
  readonly #start: number;
  readonly #nested: Nested = new Map();

  constructor(start: number) {
    this.#start = start;
  }

  cell({ provider = "", endpoint = "", model = "", namespace, credential }: Told): Cell {
    const found = this.#nested.get(provider)?.get(endpoint)?.get(model)?.get(namespace)?.get(credential);
    if (found !== undefined) return found;
    if (this.cells.length < MOST_GROUPS || model === OTHER)
      return this.#add({ provider, endpoint, model, namespace, credential });
    return this.cell({ at: 0, provider, endpoint, model: OTHER, namespace: OTHER, credential: OTHER });
  }

  #add(dimensions: Dimensions): Cell {
    const cell: Cell = {
      minute: this.#start,
      dimensions,
      tally: emptyTally(),
      notKept: Object.create(null) as Record<string, number>,
      hitLatency: emptyBins(),
      missLatency: emptyBins(),
    };
    this.cells.push(cell);
    const { provider, endpoint, model, namespace, credential } = dimensions;
    branch(branch(branch(branch(this.#nested, provider), endpoint), model), namespace).set(credential, cell);
    return cell;
  }
}

function branch<V extends Map<string, unknown>>(map: Map<string, V>, name: string): V {
  let next = map.get(name);
  if (next === undefined) {
    next = new Map() as V;
    map.set(name, next);
  }
  return next;
}

const MEMBERS = {
  hit: "hits",
  miss: "misses",
  partial: "partial",
  joined: "joined",
  bypassed: "bypassed",
  refused: "refused",
} as const satisfies Record<RequestOutcome, keyof Tally>;

function addSaved(tally: Tally, saved: Spent & { readonly ms: number }): void {
  tally.savedTokens += tokensOf(saved);
  tally.savedUsd += saved.costUsd ?? 0;
  tally.savedMs += saved.ms;
}

function addCall(cell: Cell, event: RequestEvent): void {
  const { tally } = cell;
  if (event.shared !== undefined) {
    tally.joinedTokens += tokensOf(event.shared);
    tally.joinedUsd += event.shared.costUsd ?? 0;
  }
  if (event.outcome !== "joined" && event.outcome !== "refused") tally.calls++;
  const tokens = tokensOf(event.usage);
  const usd = event.costUsd ?? 0;
  tally.spentTokens += tokens;
  tally.spentUsd += usd;
  if (event.unread) {
    tally.unread++;
    tally.unreadTokens += tokens;
    tally.unreadUsd += usd;
  }
  if (isUnpricedCall(event)) tally.unpriced++;
  if (event.notKept !== undefined) note(cell.notKept, event.notKept);
}

function note(reasons: Record<string, number>, reason: string): void {
  reasons[reason] = (reasons[reason] ?? 0) + 1;
}
