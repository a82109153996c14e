/** Several workers at one port: a connection to each of them. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
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

/** Processes that were started with this argument. */
export function runningWith(argument: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(argument);
      } catch {
        return false;
      }
    });
}

export const runs = (pid: number) => existsSync(`/proc/${pid}`);

/** Whether the process holds a TCP connection whose own end is `port` of 127.0.0.1. */
export function connectedFrom(pid: number, port: number): boolean {
  const own = `0100007F:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const rows = readFileSync("/proc/net/tcp", "utf8").split("\n");
  // Columns: number, own end, other end, state, queues, timer, retransmits, user, timeout, inode.
  const inodes = rows.map((row) => row.trim().split(/\s+/)).filter((columns) => columns[1] === own);
  const held = new Set(inodes.map((columns) => `socket:[${columns[9]}]`));
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return held.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  });
}
