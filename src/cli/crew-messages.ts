import type { Shown } from "../compose.ts";
import type { ListenAddress } from "../config.ts";
import type { Topic } from "../crew.ts";
import type { Doors } from "./listen.ts";

/** The settings file as it is in force: its path and text; undefined where there is none. */
export type SettingsFile = { readonly path: string; readonly text: string } | undefined;

/** All that a worker has to be told before it can begin. */
export interface Place {
  readonly index: number;
  readonly size: number;
  readonly loopId: string;
  /** Where its siblings find it, and the folder in which all of their sockets lie. */
  readonly socket: string;
  readonly folder: string;
  /** Where to listen, with ports that are known to be free. */
  readonly at: Doors<ListenAddress>;
  readonly file: SettingsFile;
}

/** From the supervisor to a worker. */
export type Order =
  | { readonly kind: "begin"; readonly place: Place }
  /** From here on it hears what all hear: it may listen. */
  | { readonly kind: "listen" }
  | { readonly kind: "settings"; readonly file: SettingsFile }
  | { readonly kind: "members"; readonly sockets: readonly (string | undefined)[] }
  | { readonly kind: "asked"; readonly id: number; readonly topic: Topic; readonly value: unknown }
  | { readonly kind: "gathered"; readonly id: number; readonly values: readonly unknown[] }
  /** Another one has taken its place. */
  | { readonly kind: "leave" }
  /** All end; said again: at once. */
  | { readonly kind: "end" };

/** From a worker to its supervisor. */
export type Word =
  | { readonly kind: "composed" }
  | { readonly kind: "ready" }
  | { readonly kind: "gather"; readonly id: number; readonly topic: Topic; readonly value: unknown }
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  /** What it has counted, at its end. */
  | { readonly kind: "counted"; readonly shown: Shown };
