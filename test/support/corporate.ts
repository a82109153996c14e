/** What stands between a company's machines and the world: a proxy that takes CONNECT, and TLS before a provider. */
import { connect, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { pem } from "./secure.ts";

export interface Corporate {
  readonly port: number;
  close(): Promise<void>;
}

export interface CorporateProxy extends Corporate {
  /** Request lines that it took, in order. */
  readonly lines: string[];
  /** Values of Proxy-Authorization, "" for none. */
  readonly credentials: string[];
  /** What it answers in place of a connection, such as `407 Proxy Authentication Required`. */
  refuses: string | undefined;
}

/** TLS with the certificate `one` before a plain server on `port`. */
export function startTls(port: number): Promise<Corporate> {
  const server = createTlsServer(
    { cert: pem("one.pem"), key: pem("one.key"), ALPNProtocols: ["http/1.1"] },
    (client) => joined(client, connect(port, "127.0.0.1")),
  );
  server.on("tlsClientError", () => {});
  return listening(server);
}

/** A proxy that leads to `port` whatever host it is asked for: no name leaves this machine. */
export async function startProxy(port: number): Promise<CorporateProxy> {
  const seen = {
    lines: [] as string[],
    credentials: [] as string[],
    refuses: undefined as string | undefined,
  };
  const server = createTcpServer((client) => {
    let head = "";
    const take = (bytes: Uint8Array) => {
      head += Buffer.from(bytes).toString("latin1");
      const end = head.indexOf("\r\n\r\n");
      if (end < 0) return;
      client.off("data", take);
      seen.lines.push(head.slice(0, head.indexOf("\r\n")));
      seen.credentials.push(/^proxy-authorization: (.*)$/im.exec(head)?.[1]?.trim() ?? "");
      const refused = seen.refuses;
      if (refused !== undefined) {
        client.end(`HTTP/1.1 ${refused}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
        return;
      }
      const target = connect(port, "127.0.0.1");
      joined(client, target);
      if (head.startsWith("CONNECT ")) client.write("HTTP/1.1 200 Connection established\r\n\r\n");
      else target.write(Buffer.from(head.replace(/^(\w+) http:\/\/[^/ ]+/, "$1"), "latin1"));
      if (head.startsWith("CONNECT ") && head.length > end + 4)
        target.write(Buffer.from(head.slice(end + 4), "latin1"));
    };
    client.on("data", take);
    client.on("error", () => {});
  });
  return Object.assign(seen, await listening(server));
}

function joined(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
}

function listening(server: Server): Promise<Corporate> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      const close = () => {
        for (const socket of sockets) socket.destroy();
        return new Promise<void>((closed) => server.close(() => closed()));
      };
      resolve({ port, close });
    }),
  );
}
