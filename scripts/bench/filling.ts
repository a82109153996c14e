/**
 * Fills a data folder through askonce itself, without sockets: the whole program composed in one process, before a
 * provider that answers at once. Keys, answers, remembered requests and journal are those that serving would have made,
 * for the requests that `bodies.ts` makes, and nothing is given up: it waits for the archive.
 *
 *   bun scripts/bench/filling.ts FOLDER FROM TO PROMPT ANSWER NAME
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import { loadConfig } from "../../src/cli/load.ts";
import { type App, compose } from "../../src/compose.ts";
import { nodePart, privately, thread } from "../../src/host.node.ts";
import type { Host } from "../../src/host.ts";
import { openDatabase } from "../../src/storage/open.bun.ts";
import { CHAT, chatAnswer, chatBody, numbered } from "./bodies.ts";

export interface Filling {
  /** askonce's data folder. */
  readonly data: string;
  readonly from: number;
  readonly to: number;
  /** Bytes of each. */
  readonly prompt: number;
  readonly answer: number;
  /** As `chatBody` has it. */
  readonly name: string;
}

const AT_A_TIME = 32;
/** Of 10,000 requests that the archive lets wait; beyond half of them it takes no pauses. */
const MOST_QUEUED = 9000;
const SOON_MS = 5;
const TOLD_EACH = 100_000;

/** Fills in a process of its own, which may use all cores. Rejects where anything was not kept. */
export function filled({ data, from, to, prompt, answer, name }: Filling): Promise<void> {
  const args = [data, from, to, prompt, answer, name].map(String);
  const child = spawn(
    "taskset",
    ["-c", "0-1023", process.execPath, "--no-env-file", join(import.meta.dirname, "filling.ts"), ...args],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`filling ended with ${code ?? signal}`)),
    );
  });
}

/** A host without a network, whose provider gives everybody this answer. */
function hostOf(answer: string): Host {
  const worker = new URL("../../src/storage/desk.bun.ts", import.meta.url).href;
  return {
    ...nodePart(),
    runtime: { name: "bun", version: Bun.version, compiled: false },
    openDatabase: privately(openDatabase),
    startThread: () => thread(new Worker(worker)),
    fetch: async () => new Response(answer, { headers: { "content-type": "application/json" } }),
    http2: false,
    decodes: [],
    serve: () => Promise.reject(new Error("nothing is served here")),
    startWorker: undefined,
    supervisor: undefined,
    askSocket: () => Promise.reject(new Error("there are no other workers")),
    collect: () => Bun.gc(true),
  };
}

async function fill({ data, from, to, prompt, answer, name }: Filling): Promise<void> {
  const host = hostOf(chatAnswer(answer));
  const flags = Object.entries({ data, "max-size": "64GiB", log: "off" });
  const { config } = await loadConfig(host, { flags: flags.map(([flag, value]) => [`--${flag}`, value]) });
  const app = await compose(config, host);
  const body = chatBody(prompt, name);
  const encoder = new TextEncoder();
  let next = from;
  const drive = async () => {
    while (next < to) {
      const n = next++;
      if (n % TOLD_EACH === 0 && n > from) console.log(`  ${n.toLocaleString("en-US")} entries`);
      const { status, headers } = await ask(app, encoder.encode(numbered(body, n)));
      const word = headers.get("x-cache-status");
      if (status !== 200 || word !== "MISS") throw new Error(`request ${n}: ${status} ${word}`);
      while (app.shown().gauges.archiveQueued > MOST_QUEUED) await soon();
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, drive));
  await app.settled();
  while (app.shown().gauges.archiveQueued > 0) await soon();
  const { storeEntries, archiveDropped, storeFaults } = app.shown().gauges;
  await app.close();
  if (storeEntries < to || archiveDropped + storeFaults > 0)
    throw new Error(
      `${storeEntries} of ${to} entries, ${archiveDropped} requests forgotten, ${storeFaults} faults`,
    );
}

async function ask(app: App, body: Uint8Array<ArrayBuffer>): Promise<Response> {
  const lines = {
    host: "127.0.0.1",
    "content-type": "application/json",
    authorization: "Bearer bench",
    "content-length": String(body.byteLength),
  };
  const head = [
    `POST ${CHAT} HTTP/1.1`,
    ...Object.entries(lines).map(([name, value]) => `${name}: ${value}`),
  ].join("\r\n");
  const request = new Request(`http://127.0.0.1${CHAT}`, { method: "POST", headers: lines, body });
  const answer = await app.handler(request, { address: "127.0.0.1", head, body });
  await answer.arrayBuffer();
  return answer;
}

function soon(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SOON_MS));
}

if (import.meta.main) {
  const [data = "", from, to, prompt, answer, name = ""] = process.argv.slice(2);
  if (!(Number(to) > 0)) throw new Error("usage: filling.ts FOLDER FROM TO PROMPT ANSWER NAME");
  await fill({
    data,
    from: Number(from),
    to: Number(to),
    prompt: Number(prompt),
    answer: Number(answer),
    name,
  });
  process.exit(0);
}
