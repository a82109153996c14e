import type { Clock } from "../../clock.ts";
import type { Fetched, PlainInit } from "../../host.ts";
import { octets } from "../octets.node.ts";
import { Scratch } from "../outlet.ts";
import { SocketWire } from "../wire.bun.ts";
import { Caller } from "./caller.ts";
import { decoded } from "./decoded.node.ts";
import { aborted, type Dial, Pool } from "./pool.ts";

/** How often idle connections are looked through. */
const SWEEP_MS = 5_000;

/** Calls providers at plain `http:` URLs without the runtime's `fetch`, whose thread and streams cost more than a call. */
export function plainFetch(
  clock: Clock,
): (url: string, init: PlainInit & { body: Uint8Array | undefined }) => Promise<Fetched> {
  const pool = new Pool({ dial: dialer(new Scratch(octets)), clock });
  let sweeping = false;
  return async (url, init) => {
    if (!sweeping) {
      sweeping = true;
      setInterval(() => pool.sweep(), SWEEP_MS).unref();
    }
    return decoded(await pool.fetch(url, init));
  };
}

function dialer(scratch: Scratch): Dial {
  return ({ hostname, port }, ends, giving) =>
    new Promise((resolve, reject) => {
      giving.onGiven = () => reject(aborted());
      const connecting = Bun.connect<Caller | undefined>({
        hostname,
        port,
        // The end of what a provider sends is ours to judge.
        allowHalfOpen: true,
        data: undefined,
        socket: {
          open(socket) {
            socket.setNoDelay(true);
            const caller = new Caller({ wire: new SocketWire(socket), scratch, ...ends });
            socket.data = caller;
            resolve(caller);
            // Too late: whoever dialled has been told already, and nobody asks anything of it.
            if (giving.given) caller.retire();
          },
          data: (socket, bytes) => socket.data?.data(bytes),
          drain: (socket) => socket.data?.drain(),
          end: (socket) => socket.data?.ended(),
          close: (socket, error) => socket.data?.closed((error as { code?: string } | undefined)?.code),
          error: (socket, error) => socket.data?.closed((error as { code?: string }).code),
          connectError: (_socket, error) => reject(error),
        },
      });
      connecting.catch(reject);
    });
}
