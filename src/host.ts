import type { OpenDatabase } from "./storage/database.ts";

/** All that the core asks of a runtime. Adapters (`main.bun.ts`, `main.deno.ts`) translate and decide nothing. */
export interface Host {
  /** The executable that this process runs from, absolute; undefined where a runtime runs its source. */
  readonly executable?: string | undefined;
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
  /** The same in a quicker way, where the runtime has one; undefined for calls that it is not made for. */
  fetchPlain?(url: string, init: PlainInit): Promise<Fetched> | undefined;
  /** Whether `fetch` may speak HTTP/2 to `https:`, where a body needs neither length nor chunking to have an end. */
  readonly http2: boolean;
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
  onSignal(signal: Signal, handler: () => void): void;
  /**
   * Starts a program, found as a shell finds it, that shares this process's terminal, standard streams and group. Until
   * then this process has not touched standard input or output, and it must not while the program runs.
   */
  spawn(command: readonly string[], options: SpawnOptions): Child;
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
  /** Tells the files that this program runs from from those at another time. Reads the disk at each call. */
  mark(): string;
  /** How many processors this process may use. */
  readonly processors: number;
  /** Starts this program once more, as a worker of this process; undefined where processes cannot share a port. */
  readonly startWorker: (() => WorkerProcess) | undefined;
  /** To the process that started this one as its worker; undefined where it is nobody's. */
  readonly supervisor: Channel | undefined;
  /** Asks a process that serves at a Unix socket; what it answers arrives as it was sent, no coding undone. */
  askSocket(socket: string, request: { path: string } & UpstreamInit): Promise<Response>;
  /** What this process has taken since its start: user and system CPU time, and resident memory now. */
  usage(): { readonly cpuSeconds: number; readonly residentBytes: number };
  /** Gives memory back to the system where the runtime can; may take some ms, so call it when idle. */
  collect(): void;
}

/** Messages between two processes of this machine: they come whole, in order, and are copied (no functions). */
export interface Channel {
  /** Resolves once it is on its way; never rejects, not even where nobody is left at the other end. */
  send(message: unknown): Promise<void>;
  /** Messages that came before wait for the handler. */
  onMessage(handler: (message: unknown) => void): void;
  /** Called once the other process is gone. */
  onClosed(handler: () => void): void;
}

/** A process of this program that this one started. */
export interface WorkerProcess extends Channel {
  readonly pid: number;
  /** Called with whole lines of what it writes. */
  onOutput(handler: (to: "stdout" | "stderr", text: string) => void): void;
  /** Resolves when it is gone and all its output was handed on: to its exit code, or the signal that ended it. */
  readonly exited: Promise<number | string>;
  /** Ends it at once. */
  kill(): void;
}

/** What one process tells another. */
export type Signal = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGUSR1" | "SIGUSR2";

export interface SpawnOptions {
  /** The whole environment, less what this runtime put there for itself. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
}

export interface Child {
  /**
   * Resolves to the exit code once the program has ended: 128 + the signal's number where one ended it. Rejects with the
   * system's error (`code`: `ENOENT`, `EACCES`, …) where it could not be started.
   */
  readonly exited: Promise<number>;
  /** Hands a signal on; nothing where the program has ended. */
  kill(signal: Signal): void;
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

export type PlainInit = Omit<UpstreamInit, "signal"> & { readonly giving: GivingUp };

/** Whether a call is given up, for whoever makes it: one listener at a time. */
export interface GivingUp {
  readonly given: boolean;
  onGiven: (() => void) | undefined;
}

/** A provider's answer: a `Response`, or the same without the stream around its body, which costs more than its bytes. */
export interface Fetched {
  readonly status: number;
  readonly ok: boolean;
  readonly headers: Headers;
  readonly body: ReadableStream<Uint8Array> | Source | null;
}

export interface ServeOptions {
  readonly hostname: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly handler: (request: Request, peer: Peer) => Response | Promise<Response>;
  /** Asked before `handler`, by adapters that see a request's bytes; others leave it alone. */
  readonly repeats?: Repeats | undefined;
  /** Shares the port with other processes that ask for the same, where the system can. */
  readonly reusePort?: boolean;
  /** Path of a socket file to listen on instead of an address. Bun only. */
  readonly unix?: string;
  /** Speaks TLS with this certificate; rejects where the two don't fit each other or cannot be read. */
  readonly tls?: Tls | undefined;
}

/** A certificate (with those that vouch for it behind it) and its key, as PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

export interface Peer {
  /** The client's IP address, "-" where the runtime does not know it. */
  readonly address: string;
  /** Whether a proxy that the settings name stands between, which told the address. */
  readonly behindProxy?: boolean;
  /** Whether the client spoke TLS with that proxy. */
  readonly secure?: boolean;
  /** Where another worker took the request from the client and handed it on: when it came, as of that worker. */
  readonly relayed?: { readonly at: number; readonly waitedMs: number };
  /** The request's line and header lines as they came (Latin-1, without the empty line), where the adapter shows them. */
  readonly head?: string;
  /** The whole body, where it had come when the handler was asked: quicker than the request's own stream. */
  readonly body?: Uint8Array;
  /** Whether the adapter takes the direct form of a `Reply` (`direct-reply.ts`), so that no stream need be made around it. */
  readonly takesDirect?: boolean;
}

/** A request that tells that its client is gone without a signal around that, which costs as much as a look-up. */
export interface Leaving {
  /** Calls `then` once the client is gone, soon where it is already; until the function given back is called. */
  whenLeft(then: () => void): () => void;
}

/** Bytes as they are read. */
export interface Source {
  /**
   * The next bytes, which nobody changes afterwards; undefined at the end. Rejects where they break off. One read at
   * a time.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Nobody reads any more. Safe to call at any time, more than once. */
  leave(): void;
  /**
   * The same without a promise, where a source can: null where nothing is at hand. `ready` is then called, once, when
   * asking again is worth it, in the middle of what brought that about: it must not throw. Throws where they break off.
   */
  poll?(ready: () => void): Uint8Array | undefined | null;
}

/**
 * Answers at once what was asked and answered before, from the bytes of a request. It decides nothing that the
 * handler has not decided for an equal request: what it does not know is the handler's.
 */
export interface Repeats<Known extends object = object> {
  /**
   * What is known of requests with this head (as `Peer.head` has it); undefined where nothing is yet. What it gives
   * may be remembered with the head until `answer` declines.
   */
  find(head: string): Known | undefined;
  /** The whole answer to such a request with this body, which is only read; undefined: ask the handler. */
  answer(known: Known, body: Uint8Array, address: string): RepeatAnswer | undefined;
}

export interface RepeatAnswer {
  /** Status line and header lines, each with its line end, Latin-1; without Content-Length, Date and Connection. */
  readonly head: string;
  /** Never changed afterwards. */
  readonly body: Uint8Array;
}

export interface Listener {
  readonly port: number;
  /** Takes no further connection; those that are open go on as before. Where processes can share a port. */
  shut?(): void;
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
  /** Makes a file one that everybody can run. */
  makeExecutable(path: string): Promise<void>;
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
