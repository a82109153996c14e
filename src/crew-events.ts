import type { Crew } from "./crew.ts";
import type { Host } from "./host.ts";
import type { RequestEvent } from "./journal/event.ts";
import type { LiveJournal } from "./journal/journal.ts";

/** Events that wait for a sibling that reads slowly; past it they are dropped and counted. */
const MAX_WAITING = 1_000;
/** Before a sibling that went away is asked again. */
const AGAIN_MS = 200;
/** How long the others may take to begin. */
const PATIENCE_MS = 1_000;
/** Begins a stream: from here on nothing is missed. */
const NOTHING = "\n";

const PATH = "/events";

/** Whether a sibling asks for what `eventLines` tells. */
export function isEvents(request: Request): boolean {
  return new URL(request.url).pathname === PATH;
}

/** Each request of this process as it ends, a JSON line each; `{"missed":n}` for those that a slow reader missed. */
export function eventLines(journal: LiveJournal, ending: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let waiting: string[] = [NOTHING];
  let missed = 0;
  let wake = () => {};
  const offer = (event: RequestEvent) => {
    if (waiting.length < MAX_WAITING) waiting.push(`${JSON.stringify(event)}\n`);
    else missed++;
    wake();
  };
  const unfollow = journal.follow(offer);
  const stop = () => wake();
  ending.addEventListener("abort", stop);
  const end = () => {
    unfollow();
    ending.removeEventListener("abort", stop);
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (waiting.length === 0 && !ending.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const lost = missed === 0 ? "" : `${JSON.stringify({ missed })}\n`;
        const text = waiting.join("") + lost;
        waiting = [];
        missed = 0;
        if (text !== "") controller.enqueue(encoder.encode(text));
        if (!ending.aborted) return;
        end();
        controller.close();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

/**
 * As the journal's own `follow`, over all workers. The others are asked while anybody follows, once for all;
 * `following` resolves once those that are there have begun to tell.
 */
export function followCrew(
  crew: Crew,
  { journal, askSocket }: { readonly journal: LiveJournal; readonly askSocket: Host["askSocket"] },
): { readonly follow: LiveJournal["follow"]; following(): Promise<void> } {
  const followers = new Set<{
    readonly heard: (event: RequestEvent) => void;
    readonly missed: (n: number) => void;
  }>();
  let asking: AbortController | undefined;
  let begun: Promise<unknown> = Promise.resolve();
  const take = (line: string) => {
    if (line === "") return;
    const said = JSON.parse(line) as RequestEvent | { missed: number };
    for (const { heard, missed } of followers) {
      if ("missed" in said) missed(said.missed);
      else heard(said);
    }
  };
  const follow: LiveJournal["follow"] = (listener, missed = () => {}) => {
    const follower = { heard: listener, missed };
    const unfollow = journal.follow(listener, missed);
    followers.add(follower);
    if (asking === undefined) {
      asking = new AbortController();
      const { signal } = asking;
      const others = Array.from({ length: crew.size }, (_, index) => index).filter((i) => i !== crew.index);
      begun = Promise.all(
        others.map(
          (index) =>
            new Promise<void>((heard) => void listen(crew, { index, askSocket, take, signal, heard })),
        ),
      );
    }
    return () => {
      unfollow();
      followers.delete(follower);
      if (followers.size > 0) return;
      asking?.abort();
      asking = undefined;
    };
  };
  return {
    follow,
    following: async () => {
      await Promise.race([begun, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]);
    },
  };
}

interface Listening {
  readonly index: number;
  readonly askSocket: Host["askSocket"];
  readonly take: (line: string) => void;
  readonly signal: AbortSignal;
  /** Called once it tells, or is not there to tell. */
  readonly heard: () => void;
}

/** Hears one sibling until the signal aborts; one that goes away is asked again once it is back. */
async function listen(crew: Crew, { index, askSocket, take, signal, heard }: Listening): Promise<void> {
  while (!signal.aborted) {
    const socket = crew.sockets()[index];
    try {
      if (socket !== undefined) {
        const request = { path: PATH, method: "GET", headers: new Headers(), body: undefined, signal };
        const { body } = await askSocket(socket, request);
        const told = (line: string) => {
          heard();
          take(line);
        };
        if (body !== null) await eachLine(body, told);
      }
    } catch {
      // It went away, or nobody follows any more.
    }
    heard();
    if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

async function eachLine(body: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  }
}
