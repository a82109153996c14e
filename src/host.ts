import type { OpenDatabase } from "./storage/database.ts";

/** All that the core asks of a runtime. Adapters (`main.bun.ts`, `main.deno.ts`) translate and decide nothing. */
export interface Host {
  readonly runtime: { readonly name: "bun" | "deno"; readonly version: string; readonly compiled: boolean };
  readonly platform: "linux" | "darwin" | "windows";
  /** The processor's kind, `x64` or `arm64` for example. */
  readonly arch: string;
  /** This machine's own name, "" where the runtime does not tell it. */
  readonly hostname: string;
  /** This process. */
  readonly pid: number;
  /** The working folder, absolute. */
  readonly cwd: string;
  /** Arguments after the program's name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: Files;
  /** Opens (or creates) one SQLite database file; throws what SQLite says. */
  readonly openDatabase: OpenDatabase;
  /** Starts `storage/desk.ts` in a thread of its own, over this runtime's SQLite. */
  startThread(): Thread;
  /** Calls a provider. Redirects are never followed; a body under one of `decodes` arrives decoded. */
  fetch(url: string, init: UpstreamInit): Promise<Response>;
  /** Content codings that `fetch` decodes by itself, lower case. Their header still stands in the answer. */
  readonly decodes: readonly string[];
  /** Listens. Rejects with the runtime's error (its `code` is `EADDRINUSE` where the port is taken). */
  serve(options: ServeOptions): Promise<Listener>;
  /** Decodes a request body beside the loop; rejects on damage or where more than `maxBytes` would come out. */
  decode(
    coding: "gzip" | "deflate" | "br" | "zstd",
    bytes: Uint8Array,
    maxBytes: number,
  ): Promise<Uint8Array>;
  /** Calls `handler` each time one of the signals arrives (those that the platform has). */
  onSignal(signal: "SIGTERM" | "SIGINT" | "SIGHUP", handler: () => void): void;
  readonly terminal: Terminal;
  /**
   * Writes to stdout and resolves once it was taken, so that any amount can go out. Rejects (`code`: `EPIPE`) once
   * nobody reads any more.
   */
  print(bytes: Uint8Array): Promise<void>;
  /** Standard input from here to its end. */
  stdin(): AsyncIterable<Uint8Array>;
  /** Writes without waiting. A closed pipe is not an error. */
  write(to: "stdout" | "stderr", text: string): void;
  /** Flushes what `write` took, then ends the process. */
  exit(code: number): Promise<never>;
  /** What this process has taken since its start: user and system CPU time, and resident memory now. */
  usage(): { readonly cpuSeconds: number; readonly residentBytes: number };
  /** Gives memory back to the system where the runtime can; may take some ms, so call it when idle. */
  collect(): void;
}

/** Whether people look on, and how wide their window is. */
export interface Terminal {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Of stdout, else of stderr; undefined where neither is a terminal. */
  readonly columns: number | undefined;
}

/** A thread that takes messages and answers them. */
export interface Thread {
  /** The message is copied; the buffers in `transfer` are handed over and empty from then on. */
  post(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  onMessage(handler: (message: unknown) => void): void;
  /** Called once, when it ended by a fault of its own. */
  onFault(handler: (why: string) => void): void;
  stop(): void;
}

export interface UpstreamInit {
  readonly method: string;
  readonly headers: Headers;
  /** A stream goes up as it is read; bytes go up with their length. */
  readonly body: Uint8Array | ReadableStream<Uint8Array> | undefined;
  readonly signal: AbortSignal;
}

export interface ServeOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly handler: (request: Request, peer: Peer) => Response | Promise<Response>;
}

export interface Peer {
  /** The client's IP address, "-" where the runtime does not know it. */
  readonly address: string;
}

export interface Listener {
  readonly port: number;
  /** Stops accepting; resolves once every response in flight has ended. */
  drain(): Promise<void>;
  /** Cuts what is still open. */
  stop(): Promise<void>;
}

/** Paths are absolute. Every method rejects with the system's error (`code`: `ENOENT`, `EACCES`, …). */
export interface Files {
  readText(path: string): Promise<string>;
  /** Creates the file with mode 0600; resolves to false, and changes nothing, where it exists. */
  createPrivate(path: string, text: string): Promise<boolean>;
  /** Creates the folder and its parents where missing; the folder itself gets mode 0700. */
  makePrivateFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Bytes, undefined where there is no such file. */
  size(path: string): Promise<number | undefined>;
  /** What is known of a file or folder; undefined where there is none. */
  facts(path: string): Promise<FileFacts | undefined>;
  /** Names in a folder, sorted. */
  list(folder: string): Promise<readonly string[]>;
  /** The file's bytes as they are read; fails at the first chunk where it cannot be opened. */
  read(path: string): AsyncIterable<Uint8Array>;
  /** Writes a file aside and renames it, so that whoever looks sees the old one or the whole new one. */
  replace(path: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void>;
  /** Creates a folder and its parents where missing. */
  makeFolder(path: string): Promise<void>;
  /** A new empty folder, readable for its owner only. */
  temporaryFolder(): Promise<string>;
  removeFolder(path: string): Promise<void>;
  /** Bytes free for this user on the disk of `path`; undefined where the runtime does not tell. */
  freeBytes(path: string): Promise<number | undefined>;
}

export interface FileFacts {
  readonly folder: boolean;
  readonly bytes: number;
  /** Permission bits; undefined where the system has none. */
  readonly mode: number | undefined;
  /** Whether it belongs to the user of this process; undefined where the runtime does not tell. */
  readonly ours: boolean | undefined;
  /** Epoch ms. */
  readonly modifiedAt: number;
}
