/** Several workers at one port: a connection to each of them. */
import { existsSync } from "node:fs";
import { ADMIN, Admin } from "./admin-client.ts";
import { type Askonce, target } from "./askonce.ts";
import { type RawAnswer, RawConnection, type RawRequest, requestBytes } from "./raw.ts";

/** Where processes can share a port; elsewhere one answers, and says why. */
export const shares = target !== "deno" && process.platform === "linux";

/** A connection that one worker has taken, kept open. */
export class Seat {
  constructor(
    readonly pid: number,
    readonly connection: RawConnection,
    readonly port: number,
  ) {}

  async send(request: RawRequest): Promise<RawConnection> {
    this.connection.method = request.method ?? "POST";
    await this.connection.write(requestBytes(this.port, request));
    return this.connection;
  }

  async ask(request: RawRequest): Promise<RawAnswer> {
    return (await this.send(request)).answer(request.timeoutMs);
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<RawAnswer> {
    return this.ask({ path, headers, body: JSON.stringify(body) });
  }
}

/** One seat at each of `count` workers. The system spreads connections, so it takes some tries. */
export async function seatsAt(server: Askonce, count: number): Promise<Seat[]> {
  const headers = new Admin(() => server).bearer;
  const found = new Map<number, Seat>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries === 200) throw new Error(`200 connections reached ${found.size} of ${count} workers`);
    const connection = await RawConnection.open(server.port);
    await connection.write(requestBytes(server.port, { method: "GET", path: `${ADMIN}/status`, headers }));
    const { pid } = (await connection.answer()).json;
    if (found.has(pid)) connection.destroy();
    else found.set(pid, new Seat(pid, connection, server.port));
  }
  return [...found.values()];
}

export function leave(seats: readonly Seat[]): void {
  for (const { connection } of seats) connection.destroy();
}

export const runs = (pid: number) => existsSync(`/proc/${pid}`);
