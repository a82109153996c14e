/** The Python clients, in one process that is asked over its standard input. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { root } from "../support/askonce.ts";
import type { Client } from "./client.ts";

export interface Python {
  readonly clients: readonly Client[];
  stop(): void;
}

/** What the process says of a client: as `Client`, its calls by name. */
type Told = Omit<Client, "connect"> & { readonly calls: readonly string[] };
type Line = { id: number; value?: unknown; fault?: { class: string; status: number | null; text: string } };

const NO_PYTHON = 3;

/** Starts them; without any, and says why, where Python is missing and this is no CI. */
export async function startPython(): Promise<Python> {
  const program = setUp();
  if (program === undefined) return { clients: [], stop: () => {} };
  const child = spawn(program, [`${root}/test/clients/clients.py`], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, NO_PROXY: "127.0.0.1" },
  });
  return talk(child);
}

/** The path of their python; undefined, and says why, where none is there and this is no CI. */
export function setUp(): string | undefined {
  try {
    return execFileSync(`${root}/scripts/python-clients`, [], { encoding: "utf8", stdio: "pipe" }).trim();
  } catch (error) {
    const { status, stderr } = error as { status?: number; stderr?: string };
    if (status !== NO_PYTHON || process.env.CI) throw new Error(`no Python clients: ${stderr ?? error}`);
    console.log(`| The Python clients are left out: ${stderr?.trim()} |`);
    return undefined;
  }
}

async function talk(child: ChildProcess): Promise<Python> {
  const lines = createInterface({ input: child.stdout! });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const hello = Promise.withResolvers<readonly Told[]>();
  const die = (why: Error) => {
    hello.reject(why);
    for (const asked of waiting.values()) asked.reject(why);
  };
  child.once("error", die);
  child.once("exit", (code) => die(new Error(`the Python clients ended with ${code}`)));
  lines.on("line", (text) => {
    const line = JSON.parse(text) as Line | { clients: readonly Told[] };
    if ("clients" in line) return hello.resolve(line.clients);
    const asked = waiting.get(line.id);
    waiting.delete(line.id);
    if (line.fault) {
      const { class: name, status, text } = line.fault;
      asked?.reject(Object.assign(new Error(text), { name, status }));
    } else asked?.resolve(line.value);
  });
  let sent = 0;
  const ask = (request: object): Promise<unknown> => {
    sent += 1;
    const asked = Promise.withResolvers<unknown>();
    waiting.set(sent, asked);
    child.stdin!.write(`${JSON.stringify({ id: sent, ...request })}\n`);
    return asked.promise;
  };
  const clients = (await hello.promise).map(({ calls, ...told }) => ({
    ...told,
    connect: (base: string, { retries }: { retries: boolean }) =>
      Object.fromEntries(
        calls.map((call) => [
          call,
          (question: string) => ask({ client: told.name, base, retries, call, question }),
        ]),
      ),
  }));
  return { clients, stop: () => child.kill() };
}
