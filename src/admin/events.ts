import type { AdminParts } from "./admin.ts";
import { eventRow, rowOf } from "./requests.ts";
import { type Route, route } from "./route.ts";

const HEARTBEAT_MS = 15_000;
/** Events that wait for a slow reader; past it they are dropped, counted and told. */
const MAX_WAITING = 1_000;

export function eventRoutes(parts: AdminParts): readonly Route[] {
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
      errors: [],
      async handle({ request }) {
        const headers = { "content-type": "text/event-stream", "cache-control": "no-store" };
        if (request.method === "HEAD") return new Response(null, { headers });
        return new Response(follow(parts), { headers });
      },
    }),
  ];
}

/** Followed from now until the reader goes or `parts.ending`. */
function follow({ journal, ending }: Pick<AdminParts, "journal" | "ending">): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let waiting: string[] = [": askonce\n\n"];
  let dropped = 0;
  let wake = () => {};
  const offer = (text: string) => {
    if (waiting.length < MAX_WAITING) waiting.push(text);
    else dropped++;
    wake();
  };
  const unfollow = journal.follow((event) => {
    offer(`event: request\ndata: ${JSON.stringify(rowOf(eventRow(event)))}\n\n`);
  });
  const heartbeat = setInterval(() => {
    if (waiting.length === 0) offer(": still here\n\n");
  }, HEARTBEAT_MS);
  const end = () => {
    unfollow();
    clearInterval(heartbeat);
    ending.removeEventListener("abort", end);
    wake();
  };
  ending.addEventListener("abort", end);
  if (ending.aborted) end();
  return new ReadableStream<Uint8Array>(
    {
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
