/**
 * Rolling restarts under load: how many requests go unanswered. scripts/bench/restarts.ts [COMMAND …], by default
 * `scripts/start`. RESTARTS (8), WORKERS (2), KEPT (24 connections that are kept) and ONCE (8 that are not) in the
 * environment. Clients do not try again; those of kept connections leave where an answer says so.
 */
import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:http";
import { type Socket, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

const setting = (name: string, fallback: number) => Number(process.env[name] ?? fallback);
const restarts = setting("RESTARTS", 8);
const counts = { answered: 0, connections: 0, refused: 0, resetWhileNew: 0, resetWhileKept: 0 };

const answer = JSON.stringify({
  id: "a",
  object: "chat.completion",
  choices: [{ index: 0, message: { role: "assistant", content: "yes" }, finish_reason: "stop" }],
});
const provider = createServer((request, response) => {
  request.resume().on("end", () => response.setHeader("content-type", "application/json").end(answer));
});
await new Promise<void>((resolve) => provider.listen(0, "127.0.0.1", () => resolve()));
const { port: providerPort } = provider.address() as { port: number };

const given = process.argv.slice(2);
const [program = "", ...rest] = given.length > 0 ? given : ["scripts/start"];
const flags = [
  "--listen",
  "127.0.0.1:0",
  "--data",
  mkdtempSync(join(tmpdir(), "askonce-bench-")),
  "--log",
  "off",
];
flags.push(
  "--workers",
  String(setting("WORKERS", 2)),
  "--provider",
  `openai=http://127.0.0.1:${providerPort}`,
);
const server = spawn(program, [...rest, ...flags], { stdio: ["ignore", "ignore", "pipe"] });
let printed = "";
let heard = () => {};
server.stderr.on("data", (bytes) => {
  printed += String(bytes);
  heard();
});

async function said(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
  for (;;) {
    const found = pattern.exec(printed.slice(from));
    if (found) return found;
    await new Promise<void>((resolve) => {
      heard = resolve;
    });
  }
}

const port = Number((await said(/listens on http:\/\/127\.0\.0\.1:(\d+)/))[1]);
const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "again?" }] });
const request =
  "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n" +
  `Authorization: Bearer k\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** One answer on a connection: whether another may follow; undefined where it broke before its end. */
function exchange(socket: Socket): Promise<boolean | undefined> {
  return new Promise((resolve) => {
    let text = "";
    const over = (kept: boolean | undefined) => {
      socket.off("data", take).off("close", gone);
      resolve(kept);
    };
    const gone = () => over(undefined);
    const take = (bytes: Buffer) => {
      text += bytes.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
      if (end < 0 || text.length < end + 4 + length) return;
      over(!/\r\nconnection: close\r\n/i.test(text.slice(0, end + 2)));
    };
    socket.on("data", take).on("close", gone);
    socket.write(request);
  });
}

function open(): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
    socket.on("error", () => {});
  });
}

let over = false;
async function client(keeps: boolean): Promise<void> {
  while (!over) {
    const socket = await open();
    if (socket === undefined) {
      counts.refused++;
      continue;
    }
    counts.connections++;
    let kept: boolean | undefined = true;
    for (let asked = 0; kept && !over && (keeps || asked === 0); asked++) {
      kept = await exchange(socket);
      if (kept !== undefined) counts.answered++;
      else if (asked === 0) counts.resetWhileNew++;
      else counts.resetWhileKept++;
    }
    socket.destroy();
  }
}

const clients = [
  ...Array.from({ length: setting("KEPT", 24) }, () => client(true)),
  ...Array.from({ length: setting("ONCE", 8) }, () => client(false)),
];
for (let round = 0; round < restarts; round++) {
  const from = printed.length;
  server.kill("SIGUSR2");
  await said(/the workers were restarted/, from);
}
over = true;
await Promise.all(clients);
server.kill("SIGTERM");
await new Promise((resolve) => server.once("exit", resolve));
provider.close();
console.log(JSON.stringify({ restarts, ...counts }));
