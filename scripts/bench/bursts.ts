/** Servers pinned to core 0 and bursts of load from core 1, in turn: what is compared ran side by side. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

export interface Server {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Ends with what to install where `wrk` or `taskset` is missing. */
export function needTools(): void {
  for (const [tool, debian] of [
    ["wrk", "wrk"],
    ["taskset", "util-linux"],
  ] as const) {
    if (spawnSync(tool, ["--version"]).error === undefined) continue;
    console.error(`${tool} is missing: apt-get install ${debian}`);
    process.exit(2);
  }
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "askonce-bench-"));
}

/** askonce with these flags, on core 0 and a free port; `command` is the program and what stands before the flags. */
export async function startPinned(command: readonly string[], flags: readonly string[]): Promise<Server> {
  const [program = "", ...rest] = [...command, "--listen", "127.0.0.1:0", "--log", "off", ...flags];
  const child = spawn("taskset", ["-c", "0", program, ...rest], { stdio: ["ignore", "ignore", "pipe"] });
  const port = await new Promise<number>((resolve, reject) => {
    let printed = "";
    child.stderr.on("data", (bytes) => {
      printed += String(bytes);
      const found = /listens on http:\/\/127\.0\.0\.1:(\d+)/.exec(printed)?.[1];
      if (found) resolve(Number(found));
    });
    child.on("exit", () => reject(new Error(`it did not start:\n${printed}`)));
  });
  return { port, pid: child.pid ?? 0, stop: () => ended(child) };
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}

/** A provider that answers every request with one document. */
export async function startProvider(answer: string): Promise<{ port: number; stop(): void }> {
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      response.writeHead(200, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(answer),
      });
      response.end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export interface Burst {
  readonly port: number;
  readonly path: string;
  /** Bytes of the prompt. */
  readonly prompt: number;
  /** Whether each request of it asks something else. */
  readonly miss?: boolean;
  readonly seconds: number;
  readonly connections: number;
}

let bursts = 0;

/** Requests a second of one burst, from core 1; throws where an answer was no 2xx. */
export function burst({ port, path, prompt, miss = false, seconds, connections }: Burst): Promise<number> {
  const script = join(temporaryFolder(), "post.lua");
  const words = "word ".repeat(Math.ceil(prompt / 5)).slice(0, prompt);
  const frame = ['{"model":"gpt-5-mini","messages":[{"role":"user","content":"', `${words}"}]}`];
  const name = `${process.pid}-${bursts++}`;
  const lines = [
    'wrk.method = "POST"',
    'wrk.headers["Content-Type"] = "application/json"',
    'wrk.headers["Authorization"] = "Bearer bench"',
    ...(miss
      ? [
          "n = 0",
          "function request()",
          "  n = n + 1",
          `  return wrk.format(nil, nil, nil, [==[${frame[0]}]==] .. "${name}-" .. n .. [==[ ${frame[1]}]==])`,
          "end",
        ]
      : [`wrk.body = [==[${frame.join("")}]==]`]),
  ];
  writeFileSync(script, lines.join("\n"));
  const load = ["-t1", `-c${connections}`, `-d${seconds}s`, "-s", script, `http://127.0.0.1:${port}${path}`];
  const child = spawn("taskset", ["-c", "1", "wrk", ...load], { stdio: ["ignore", "pipe", "inherit"] });
  let printed = "";
  child.stdout.on("data", (bytes) => {
    printed += String(bytes);
  });
  return new Promise((resolve, reject) => {
    child.on("exit", () => {
      const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(printed)?.[1]);
      if (/Non-2xx/.test(printed) || !(rate > 0)) reject(new Error(printed));
      else resolve(rate);
    });
  });
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
