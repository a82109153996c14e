/** Certificates for localhost, 127.0.0.1, ::1 and provider.example, made for tests only, and clients that trust them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { root } from "./askonce.ts";
import { type RawAnswer, RawConnection, type RawRequest, requestBytes } from "./raw.ts";

/** Where `name` is: `ca.pem`, `one.pem`, `one.key`, `two.pem`, `two.key`. */
export const pemFile = (name: string): string => join(root, "test/fixtures/tls", name);
export const pem = (name: string): string => readFileSync(pemFile(name), "utf8");

export interface Secured {
  readonly connection: RawConnection;
  /** The common name of the certificate that was shown. */
  readonly certificate: string;
  /** Sends one request on it. */
  send(request: RawRequest): Promise<void>;
}

/** A TLS connection of HTTP/1.1; rejects where the certificate is not one of the test authority's. */
export function openSecure(
  port: number,
  more: ConnectionOptions & { localAddress?: string } = {},
): Promise<Secured> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host: "127.0.0.1",
      port,
      ca: pem("ca.pem"),
      ALPNProtocols: ["http/1.1"],
      ...more,
    });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const connection = new RawConnection(socket);
      const certificate = String(socket.getPeerCertificate().subject.CN);
      const send = async (request: RawRequest) => {
        connection.method = request.method ?? (request.body ? "POST" : "GET");
        await connection.write(requestBytes(port, request));
      };
      resolve({ connection, certificate, send });
    });
  });
}

/** One request on a TLS connection of its own. */
export async function askSecure(port: number, request: RawRequest): Promise<RawAnswer> {
  const { connection, send } = await openSecure(port);
  await send(request);
  const answer = await connection.answer(request.timeoutMs);
  connection.destroy();
  return answer;
}
