import process from "node:process";
import type { Channel, UpstreamInit, WorkerProcess } from "./host.ts";

/** Names the process that a worker belongs to. What a child of a worker inherits of it is of no effect. */
const OWNER = "ASKONCE_WORKER_OF";

/** Starts a program as a worker of this process. */
export function startWorker(program: {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}): WorkerProcess {
  const { command, env } = program;
  const messages = new Messages();
  const closed = Promise.withResolvers<void>();
  const child = Bun.spawn([...command], {
    env: { ...env, [OWNER]: String(process.pid) },
    stdio: ["ignore", "pipe", "pipe"],
    serialization: "advanced",
    ipc: (message) => messages.take(message),
    onDisconnect: () => closed.resolve(),
  });
  let heard = (_to: "stdout" | "stderr", _text: string) => {};
  const output = Promise.all([
    eachLines(child.stdout, (text) => heard("stdout", text)),
    eachLines(child.stderr, (text) => heard("stderr", text)),
  ]);
  return {
    pid: child.pid,
    send: async (message) => {
      try {
        child.send(message);
      } catch {
        // It is gone, as `exited` tells.
      }
    },
    onMessage: (handler) => messages.handle(handler),
    onClosed: (handler) => void closed.promise.then(handler),
    onOutput(handler) {
      heard = handler;
    },
    exited: child.exited.then(async (code) => {
      await output;
      return child.signalCode ?? code;
    }),
    kill: () => child.kill("SIGKILL"),
  };
}

/**
 * The process that started this one as its worker. Call it once, before the settings are read. Ends this process where
 * that one is gone already: a worker by itself would be a server that nobody started.
 */
export function supervisor(): Channel | undefined {
  const owner = process.env[OWNER];
  delete process.env[OWNER];
  // The channel is this process's own, where the variable may be inherited.
  if (owner === undefined || process.send === undefined) return undefined;
  if (owner !== String(process.ppid)) process.exit(1);
  const messages = new Messages();
  const closed = Promise.withResolvers<void>();
  process.on("message", (message) => messages.take(message));
  process.on("disconnect", () => closed.resolve());
  return {
    send: (message) =>
      new Promise((resolve) => {
        if (!process.connected) return resolve();
        process.send?.(message, undefined, undefined, () => resolve());
      }),
    onMessage: (handler) => messages.handle(handler),
    onClosed: (handler) => void closed.promise.then(handler),
  };
}

export function askSocket(
  socket: string,
  { path, ...init }: { path: string } & UpstreamInit,
): Promise<Response> {
  const options = { ...init, unix: socket, decompress: false, redirect: "manual", timeout: false };
  return fetch(`http://worker${path}`, options as RequestInit);
}

/** Messages, kept until somebody takes them. */
class Messages {
  #waiting: unknown[] | undefined = [];
  #handler: (message: unknown) => void = (message) => void this.#waiting?.push(message);

  take(message: unknown): void {
    this.#handler(message);
  }

  handle(handler: (message: unknown) => void): void {
    this.#handler = handler;
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const message of waiting) handler(message);
  }
}

/** Hands on whole lines, many at a time; what stands behind the last one comes at the end. */
async function eachLines(bytes: ReadableStream<Uint8Array>, handler: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of bytes) {
    const text = rest + decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf("\n") + 1;
    rest = text.slice(end);
    if (end > 0) handler(text.slice(0, end));
  }
  if (rest !== "") handler(`${rest}\n`);
}
