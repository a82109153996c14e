import { duration } from "../config-kinds.ts";
import { type Pace, pace } from "../config-pace.ts";
import { proxyErrors } from "../errors.ts";
import { readAliases } from "./aliases.ts";

export type Mode = "cache" | "replay" | "refresh" | "bypass";
const MODES: readonly Mode[] = ["cache", "replay", "refresh", "bypass"];
const NAMESPACE = /^[A-Za-z0-9._-]{1,64}$/;
const RUN = /^[\x21-\x7e]{1,128}$/;
const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ["1", true],
  ["true", true],
  ["0", false],
  ["false", false],
]);
const SAMPLE = /^\d{1,9}$/;

/** What one request asks of the cache, from its path and its headers; where both say it the header counts. */
export interface Controls {
  /** "" for none. */
  readonly namespace: string;
  /** Which of several independent answers; 0 is the plain one, `auto` counts identical requests in their run. */
  readonly sample: number | "auto";
  /** Names the run that `auto` counts in; "" for the life of the process. */
  readonly run: string;
  /** Undefined: the settings decide. Infinity: forever. */
  readonly ttlMs: number | undefined;
  readonly mode: Mode | undefined;
  /** How fast a stored stream is replayed; undefined: as the setting says. */
  readonly replay: Pace | undefined;
  /** RFC 9111 request directives that mean something to a cache of answers; the rest are ignored. */
  readonly noStore: boolean;
  readonly noCache: boolean;
  /** Nothing new is stored. */
  readonly readOnly: boolean;
  readonly onlyIfCached: boolean;
  readonly maxAgeMs: number | undefined;
  /** Infinity for a bare `max-stale`. */
  readonly maxStaleMs: number | undefined;
  /** Whether the answer is to say why it came as it did. */
  readonly explain: boolean;
}

/** Throws `invalid_control` for a control of askonce's that cannot be understood. */
export function readControls(
  headers: Headers,
  path: { namespace: string; controls: ReadonlyMap<string, string> },
): Controls {
  const said = (name: string) => {
    const header = headers.get(`x-cache-${name}`);
    if (header !== null)
      return { value: header.trim(), name: `X-Cache-${name[0]?.toUpperCase()}${name.slice(1)}` };
    const value = path.controls.get(name);
    return value === undefined ? undefined : { value, name: `${name} in the path` };
  };
  for (const name of path.controls.keys()) {
    if (!["sample", "ttl", "mode", "replay", "run"].includes(name)) {
      throw proxyErrors.invalidControl(
        `"${name}" in the path is no control: use sample, ttl, mode, replay or run.`,
      );
    }
  }
  const aliased = readAliases(headers);
  const directives = cacheControl(headers.get("cache-control"));
  return {
    namespace:
      read(said("namespace"), "1 to 64 of A-Z a-z 0-9 . _ -", (text) =>
        NAMESPACE.test(text) ? text : undefined,
      ) ??
      (path.namespace || aliased.namespace || ""),
    sample:
      read(said("sample"), "a whole number from 0, or auto", (text) =>
        text === "auto" ? text : SAMPLE.test(text) ? Number(text) : undefined,
      ) ?? 0,
    run:
      read(said("run"), "1 to 128 printable characters", (text) => (RUN.test(text) ? text : undefined)) ?? "",
    ttlMs: read(said("ttl"), duration.valid, duration.parse) ?? aliased.ttlMs,
    mode: read(said("mode"), MODES.join(", "), (text) => MODES.find((mode) => mode === text)),
    replay: read(said("replay"), pace.valid, pace.parse),
    explain: read(said("explain"), "1 or 0", (text) => FLAGS.get(text)) ?? false,
    noStore: directives.has("no-store") || aliased.bypass === true,
    noCache: directives.has("no-cache") || aliased.refresh === true,
    readOnly: aliased.readOnly === true,
    onlyIfCached: directives.has("only-if-cached"),
    maxAgeMs: seconds(directives.get("max-age")),
    maxStaleMs:
      directives.get("max-stale") === "" ? Number.POSITIVE_INFINITY : seconds(directives.get("max-stale")),
  };
}

function read<T>(
  said: { value: string; name: string } | undefined,
  valid: string,
  parse: (text: string) => T | null | undefined,
): T | undefined {
  if (said === undefined) return undefined;
  const value = parse(said.value) ?? undefined;
  if (value === undefined) {
    throw proxyErrors.invalidControl(
      `${said.name}: ${JSON.stringify(said.value.slice(0, 80))} is not valid, use ${valid}.`,
    );
  }
  return value;
}

/** Directive names in lower case, and their argument without quotes, "" where there is none. */
function cacheControl(header: string | null): ReadonlyMap<string, string> {
  const directives = new Map<string, string>();
  for (const part of header?.split(",") ?? []) {
    const [name = "", ...rest] = part.split("=");
    const value = rest
      .join("=")
      .trim()
      .replace(/^"(.*)"$/, "$1");
    if (name.trim() !== "") directives.set(name.trim().toLowerCase(), value);
  }
  return directives;
}

/** Delta-seconds of RFC 9111 §1.2.2 as ms; anything else is as if absent. */
function seconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) * 1000 : undefined;
}
