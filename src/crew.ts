/** What workers ask of each other, all of them at once. */
export type Topic =
  /** Settings that change until the restart. */
  | "change"
  /** A purge begins: what is in flight and matches is not kept. */
  | "dismiss"
  /** Entries were deleted or changed: what memory holds of them is forgotten. */
  | "forget"
  /** What a provider said about a credential. */
  | "verified"
  /** What was counted goes to the archive. */
  | "flush"
  /** What was counted since the start. */
  | "metrics";

/** This process's place among the workers at one port, and its way to all of them. */
export interface Crew {
  /** From 0. */
  readonly index: number;
  readonly size: number;
  /** The name of all of them in `CDN-Loop`. */
  readonly loopId: string;
  /** Sockets of those that are there, by index; undefined for one that is not. */
  sockets(): readonly (string | undefined)[];
  /** Asks every worker, this one too, in the same order everywhere. Resolves to what those said that did in time. */
  gather(topic: Topic, value?: unknown): Promise<readonly unknown[]>;
  /** Answers `topic` here; a topic has one handler. */
  on(topic: Topic, handler: (value: never) => unknown): void;
}

/** A worker's part of what all may take together, in whole units: at least one. */
export function shareOf(total: number, crew: Pick<Crew, "index" | "size"> | undefined): number {
  if (crew === undefined || !Number.isFinite(total)) return total;
  const { index, size } = crew;
  return Math.max(1, Math.floor(total / size) + (index < total % size ? 1 : 0));
}

/**
 * Which of those that are there `name` belongs to (rendezvous hashing): when one comes or goes, only its own names
 * change hands. Undefined where nobody is there.
 */
export function ownerOf(name: string, sockets: readonly (string | undefined)[]): number | undefined {
  let owner: number | undefined;
  let best = -1;
  for (const [index, socket] of sockets.entries()) {
    if (socket === undefined) continue;
    const score = scoreOf(name, index);
    if (score <= best) continue;
    best = score;
    owner = index;
  }
  return owner;
}

/** FNV-1a over the name, mixed with the index as murmur3 ends: each index gets an order of names of its own. */
function scoreOf(name: string, index: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ Math.imul(index + 1, 0x9e3779b1), 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
