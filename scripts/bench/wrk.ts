/** Bursts of load by wrk, from the load's core. */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { NUMBER } from "./bodies.ts";
import { remove, temporaryFolder } from "./processes.ts";

/** Which number the n-th request of a burst carries, in place of NUMBER. */
export type Numbers =
  | { readonly kind: "one" }
  /** Another at each request. */
  | { readonly kind: "new" }
  /** So many requests one after the other carry the same. */
  | { readonly kind: "groups"; readonly of: number }
  /** All of them in an order without neighbours, from the n-th on; `every`: so far apart, 1 where not given. */
  | { readonly kind: "cycle"; readonly keys: number; readonly from?: number; readonly every?: number };

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  readonly numbers: Numbers;
  readonly connections: number;
  readonly seconds: number;
  /** Requests in one write; 1 where not given. */
  readonly pipeline?: number;
}

export interface Burst {
  readonly rate: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Has no divisor in common with any count of keys used here. */
const STRIDE = 61_803;

/** The number of the n-th request of a cycle. */
export function cycled(n: number, keys: number): number {
  return (n * STRIDE) % keys;
}

const next: Readonly<Record<Exclude<Numbers["kind"], "one">, string>> = {
  new: "n",
  groups: "math.floor(n / of)",
  cycle: `((n * ${STRIDE}) % keys) * every`,
};

function scriptOf({ path, body, numbers, pipeline = 1 }: Load, folder: string): string {
  const file = join(folder, "body");
  writeFileSync(file, numbers.kind === "one" ? body.replace(NUMBER, "0".repeat(NUMBER.length)) : body);
  const lines = [
    'wrk.method = "POST"',
    `wrk.path = "${path}"`,
    'wrk.headers["Content-Type"] = "application/json"',
    'wrk.headers["Authorization"] = "Bearer bench"',
    `local file = io.open("${file}", "rb")`,
    'wrk.body = file:read("*a")',
    "file:close()",
  ];
  if (numbers.kind === "one") {
    if (pipeline > 1)
      lines.push(
        "local all",
        `function init() all = string.rep(wrk.format(), ${pipeline}) end`,
        "function request() return all end",
      );
    return lines.join("\n");
  }
  const { keys = 0, from = 0, every = 1 } = numbers.kind === "cycle" ? numbers : {};
  const of = numbers.kind === "groups" ? numbers.of : 1;
  lines.push(
    `local n, keys, every, of = ${from}, ${keys}, ${every}, ${of}`,
    "local before, after",
    "function init()",
    "  local raw = wrk.format()",
    `  local at = raw:find("${NUMBER}", 1, true)`,
    `  before, after = raw:sub(1, at - 1), raw:sub(at + ${NUMBER.length})`,
    "end",
    "function request()",
    `  local number = ${next[numbers.kind]}`,
    "  n = n + 1",
    `  return before .. string.format("%0${NUMBER.length}d", number) .. after`,
    "end",
  );
  return lines.join("\n");
}

/** Throws where an answer was no 2xx or a connection failed. */
export async function burst(load: Load): Promise<Burst> {
  const folder = temporaryFolder();
  const script = join(folder, "load.lua");
  writeFileSync(script, scriptOf(load, folder));
  const args = ["-t1", `-c${load.connections}`, `-d${load.seconds}s`, "--timeout", "20s", "--latency"];
  const child = spawn("wrk", [...args, "-s", script, `http://127.0.0.1:${load.port}/`], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  const take = (bytes: Buffer) => {
    printed += String(bytes);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  remove(folder);
  const [, requests, took, unit] = /(\d+) requests in ([\d.]+)(m?s|m)/.exec(printed) ?? [];
  const count = Number(requests);
  if (code !== 0 || !(count > 0) || /Non-2xx|Socket errors|PANIC/.test(printed))
    throw new Error(`wrk on port ${load.port} at ${load.path}:\n${printed}`);
  const scale = unit === "ms" ? 0.001 : unit === "m" ? 60 : 1;
  return {
    requests: count,
    rate: count / (Number(took) * scale),
    p50Ms: latency(printed, "50%"),
    p99Ms: latency(printed, "99%"),
  };
}

function latency(printed: string, share: string): number {
  const [, value, unit] = new RegExp(`\\s${share}\\s+([\\d.]+)(us|ms|s)`).exec(printed) ?? [];
  return Number(value) * (unit === "us" ? 0.001 : unit === "s" ? 1000 : 1);
}
