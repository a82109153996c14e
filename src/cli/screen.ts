import type { Host } from "../host.ts";
import { count } from "./readable.ts";

export interface Screen {
  /** Whether stdout holds JSON and nothing else. */
  readonly json: boolean;
  /** Columns that a table may take. */
  readonly width: number;
  readonly paint: Paint;
  /** Text to stdout; resolves once it was taken. */
  out(text: string): Promise<void>;
  /** One JSON document to stdout. */
  document(value: unknown): Promise<void>;
  /** A line for whoever looks on, to stderr. */
  say(text: string): void;
  /** A line on stderr that is written over by the next, where stderr is a terminal; `done` takes it away. */
  progress(what: string): Progress;
}

export interface Progress {
  /** `total` is left out where nobody knows it. */
  to(done: number, total?: number): void;
  done(): void;
}

export type Paint = Readonly<
  Record<"bold" | "dim" | "red" | "green" | "yellow" | "cyan", (text: string) => string>
>;

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;
/** Where nobody says how wide it is. */
const USUAL_COLUMNS = 80;
const LEAST_COLUMNS = 40;
const BAR_COLUMNS = 24;

export function createScreen(host: Host, { json, color }: { json: boolean; color: boolean }): Screen {
  const { env, terminal } = host;
  const encoder = new TextEncoder();
  const colored = color && terminal.stdout && !env.NO_COLOR && env.TERM !== "dumb";
  const out = (text: string) => host.print(encoder.encode(text));
  return {
    json,
    get width() {
      return widthOf(host);
    },
    paint: paint(colored),
    out,
    document: (value) => out(`${JSON.stringify(value, null, 2)}\n`),
    say: (text) => host.write("stderr", `askonce: ${text}\n`),
    progress: (what) => (terminal.stderr && env.TERM !== "dumb" ? bar(host, what) : { to() {}, done() {} }),
  };
}

function widthOf({ env, terminal }: Host): number {
  const said = /^\d{1,4}$/.test(env.COLUMNS ?? "") ? Number(env.COLUMNS) : undefined;
  return Math.max(LEAST_COLUMNS, said || terminal.columns || USUAL_COLUMNS);
}

function paint(colored: boolean): Paint {
  const one = ([on, off]: readonly [number, number]) =>
    colored ? (text: string) => `\x1b[${on}m${text}\x1b[${off}m` : (text: string) => text;
  return Object.fromEntries(Object.entries(CODES).map(([name, codes]) => [name, one(codes)])) as Paint;
}

function bar(host: Host, what: string): Progress {
  let shown = "";
  const show = (text: string) => {
    if (text === shown) return;
    host.write("stderr", `\r\x1b[K${text}`);
    shown = text;
  };
  show(what);
  return {
    to(done, total) {
      if (!total) return show(`${what} ${count(done)}`);
      const part = Math.min(1, done / total);
      const full = Math.round(part * BAR_COLUMNS);
      show(`${what} [${"#".repeat(full)}${" ".repeat(BAR_COLUMNS - full)}] ${Math.floor(part * 100)}%`);
    },
    done: () => show(""),
  };
}
