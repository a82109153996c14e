import type { Archive } from "../cache/archive.ts";
import type { ArchiveSettings } from "./archive.ts";
import type { Batch } from "./desk-batch.ts";

/** What is said between the archive's client on the loop and its desk in the thread. */

export interface Tended {
  /** Bytes on disk. */
  readonly bytes: number;
  readonly faults: number;
  readonly fault: string | undefined;
  /** All that `gone` names up to here is forgotten; undefined where nothing new is. */
  readonly forgottenTo: number | undefined;
  /** Whether there is more to do than fitted into one call. */
  readonly more: boolean;
}

type Asked = Pick<
  Archive,
  | "list"
  | "find"
  | "requests"
  | "count"
  | "sorted"
  | "nearest"
  | "nearestTo"
  | "record"
  | "stats"
  | "rows"
  | "credentials"
  | "nameCredential"
  | "poolOf"
>;

/** Every call by its name. Those that the desk has beside the archive's own come last. */
export interface DeskCalls extends Asked {
  /** The first one. */
  open(folder: string, settings: ArchiveSettings): Promise<void>;
  piece(bytes: Uint8Array): Promise<void>;
  /** Resolves to how many were dropped. */
  keep(batch: Batch): Promise<number>;
  tend(settings: ArchiveSettings): Promise<Tended>;
  close(): Promise<void>;
}

export interface CallMessage {
  readonly id: number;
  readonly name: keyof DeskCalls;
  readonly args: readonly unknown[];
}

export type DeskMessage =
  | { readonly id: number; readonly value: unknown }
  /** `range`: the call does not fit what is there; else the archive cannot be used. */
  | { readonly id: number; readonly error: { readonly range: boolean; readonly message: string } }
  | { readonly report: string };
