import type { Clock } from "../clock.ts";
import type { Listener, ServeOptions } from "../host.ts";
import type { Connection } from "./connection.ts";
import { octets } from "./octets.node.ts";
import { HttpServer } from "./server.ts";
import { SocketWire } from "./wire.bun.ts";

/** How often connections are looked through for what a client began and does not end. */
const SWEEP_MS = 5_000;

/** Listens by `Bun.listen`. Rejects with the system's error (`code`). */
export async function serve(options: ServeOptions, clock: Clock): Promise<Listener> {
  const { handler, repeats, hostname, port, unix, tls, reusePort } = options;
  const scheme = tls === undefined ? "http" : "https";
  const server = new HttpServer({ handler, repeats, scheme, octets, clock });
  const place = unix === undefined ? { hostname, port, reusePort: reusePort === true } : { unix };
  const listener = Bun.listen<Connection>({
    ...place,
    ...(tls !== undefined && { tls }),
    // The end of what a client sends is ours to judge, and its answer may still be going out.
    allowHalfOpen: true,
    socket: {
      open(socket) {
        socket.data = server.accept(new SocketWire(socket));
      },
      data: (socket, bytes) => socket.data.data(bytes),
      drain: (socket) => socket.data?.drain(),
      end: (socket) => socket.data?.ended(),
      close: (socket) => socket.data?.closed(),
      error: (socket) => socket.data?.cut(),
    },
  } as Bun.TCPSocketListenOptions<Connection>);
  const sweeping = setInterval(() => server.sweep(), SWEEP_MS);
  return {
    port: unix === undefined ? listener.port : 0,
    shut: () => listener.stop(false),
    drain() {
      listener.stop(false);
      return server.drain().finally(() => clearInterval(sweeping));
    },
    async stop() {
      clearInterval(sweeping);
      server.cut();
      listener.stop(true);
    },
  };
}
