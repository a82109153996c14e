/** A journey behind the HTTP server, without sockets: a request meets what is remembered of those before it. */

import type { Repeats } from "../../src/host.ts";
import { handle } from "../../src/proxy/handle.ts";
import { testServer, turn } from "./http-wire.ts";
import { CHAT, type Journey } from "./journey.ts";

export interface Remembering {
  /** Sends one request on a connection of its own; its answer once there is one. */
  ask(request: string | Uint8Array): Promise<string>;
  /** Sends the beginning; the answered function sends the rest. */
  begin(request: string, sent: number): () => Promise<string>;
}

export function remembering(run: Journey): Remembering {
  const handler = (request: Request, peer: Parameters<typeof handle>[2]) => handle(run.parts, request, peer);
  const started = testServer(handler, run.parts.memory as Repeats as Repeats<object>);
  const begin = (request: string, sent: number) => {
    const { wire, send } = started.connect();
    send(request.slice(0, sent));
    return async () => {
      send(request.slice(sent));
      for (let tries = 0; tries < 1000 && wire.text === ""; tries++) await turn();
      await run.parts.flights.settled();
      return wire.text;
    };
  };
  return { begin, ask: (request) => begin(String(request), 0)() };
}

/** A question as its client writes it. */
export function posted(body: string, options: { path?: string; headers?: string } = {}): string {
  const { path = CHAT, headers = "" } = options;
  const own = "Host: localhost\r\nAuthorization: Bearer sk-1\r\nContent-Type: application/json\r\n";
  return `POST ${path} HTTP/1.1\r\n${own}${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

export function word(answer: string): string {
  const [, status = ""] = /^HTTP\/1\.1 (\d{3})/.exec(answer) ?? [];
  const [, said = "-"] = /X-Cache-Status: (\S+)/.exec(answer) ?? [];
  return `${status} ${said}`;
}
