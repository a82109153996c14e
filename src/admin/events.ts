import { adminErrors } from "../errors.ts";
import type { RequestEvent } from "../journal/event.ts";
import type { AdminParts } from "./admin.ts";
import { eventRow, rowOf } from "./requests.ts";
import { type Route, route } from "./route.ts";

const HEARTBEAT_MS = 15_000;
/** Events that wait for a slow reader; past it they are dropped, counted and told. */
const MAX_WAITING = 1_000;
/** Each of them is told of every request: a flood of them would slow all answers. */
const MAX_READERS = 64;
/** A reader that has not taken the rest this long after the end is cut off: the shutdown does not wait for it. */
const LAST_WORDS_MS = 1_000;

export function eventRoutes(parts: AdminParts): readonly Route[] {
  const readers: Readers = { count: 0, text: textOnce() };
  return [
    route({
      method: "GET",
      path: "/events",
      id: "followRequests",
      group: "Statistics",
      summary: "Each request as it ends",
      description:
        "Server-sent events: a comment at once and every 15 s, then for each request `event: request` with a row as `GET /requests` has it as `data`. To a reader too slow `event: dropped` says how many it missed. Ends when askonce does.",
      answer: { type: "text/event-stream", description: "The events." },
      errors: [503],
      async handle({ request }) {
        const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
        if (request.method === "HEAD") return new Response(null, { headers });
        if (readers.count >= MAX_READERS) throw adminErrors.tooManyReaders(MAX_READERS);
        const events = follow(parts, readers);
        await parts.following?.();
        return new Response(events, { headers });
      },
    }),
  ];
}

interface Readers {
  count: number;
  /** An event as it is sent. */
  readonly text: (event: RequestEvent) => string;
}

/** All readers are told of one event after the other: it is put into words once. */
function textOnce(): Readers["text"] {
  let last: RequestEvent | undefined;
  let text = "";
  return (event) => {
    if (event !== last) {
      last = event;
      text = `event: request\ndata: ${JSON.stringify(rowOf(eventRow(event)))}\n\n`;
    }
    return text;
  };
}

/** Followed from now until the reader goes or `parts.ending`. */
function follow(
  { journal, ending }: Pick<AdminParts, "journal" | "ending">,
  readers: Readers,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let waiting: string[] = [": askonce\n\n"];
  let dropped = 0;
  let wake = () => {};
  const offer = (text: string) => {
    if (waiting.length < MAX_WAITING) waiting.push(text);
    else dropped++;
    wake();
  };
  const miss = (events: number) => {
    dropped += events;
    wake();
  };
  const unfollow = journal.follow((event) => offer(readers.text(event)), miss);
  readers.count++;
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  let over = false;
  const heartbeat = setInterval(() => {
    if (waiting.length === 0) offer(": still here\n\n");
  }, HEARTBEAT_MS);
  const end = () => {
    if (over) return;
    over = true;
    readers.count--;
    unfollow();
    clearInterval(heartbeat);
    ending.removeEventListener("abort", stop);
    wake();
  };
  const stop = () => {
    end();
    // One that was closed in time does not mind.
    setTimeout(() => stream?.error(new Error("askonce is going")), LAST_WORDS_MS);
  };
  ending.addEventListener("abort", stop);
  if (ending.aborted) stop();
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stream = controller;
      },
      async pull(controller) {
        if (waiting.length === 0 && !ending.aborted) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const lost = dropped === 0 ? "" : `event: dropped\ndata: {"dropped":${dropped}}\n\n`;
        const text = waiting.join("") + lost;
        waiting = [];
        dropped = 0;
        if (text !== "") controller.enqueue(encoder.encode(text));
        if (ending.aborted) controller.close();
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}
