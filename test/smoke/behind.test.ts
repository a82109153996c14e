import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, root, startAskonce } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { startProvider } from "../support/provider.ts";
import type { RawAnswer, RawRequest } from "../support/raw.ts";
import { openSecure, pemFile } from "../support/secure.ts";
import { assertHit, assertMiss, eventually, fresh } from "../support/session.ts";

const NAME = "provider.example";
const TOKEN = "token-for-behind-1";
const page = readFileSync(join(root, "docs/exposure.md"), "utf8");

/** The configuration as docs/exposure.md has it, for another name, other ports and the tests' certificate. */
function documented(language: "nginx" | "caddy", ports: { own: number; askonce: number }): string {
  const [, block] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(page) ?? [];
  assert.ok(block, `docs/exposure.md has a block for ${language}`);
  return block
    .replaceAll("llm.example.org", language === "caddy" ? `${NAME}:${ports.own}` : NAME)
    .replaceAll("127.0.0.1:8181", `127.0.0.1:${ports.askonce}`)
    .replace("listen 443 ssl", `listen 127.0.0.1:${ports.own} ssl`)
    .replace("/etc/ssl/askonce.pem", pemFile("one.pem"))
    .replace("/etc/ssl/private/askonce.key", pemFile("one.key"));
}

const programs = {
  nginx(ports: { own: number; askonce: number }): readonly string[] {
    const folder = tempFolder();
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    );
    const whole = `daemon off; pid ${folder}/pid; error_log ${folder}/error.log;\nevents {}\nhttp {\n${temporary.join(" ")}\n${documented("nginx", ports)}}\n`;
    writeFileSync(join(folder, "nginx.conf"), whole);
    return ["nginx", "-c", join(folder, "nginx.conf"), "-p", folder];
  },
  caddy(ports: { own: number; askonce: number }): readonly string[] {
    const file = join(tempFolder(), "Caddyfile");
    const own = documented("caddy", ports).replace(
      /\{\n/,
      `{\n    tls ${pemFile("one.pem")} ${pemFile("one.key")}\n`,
    );
    writeFileSync(file, `{\n    admin off\n    auto_https off\n}\n${own}`);
    return ["caddy", "run", "--adapter", "caddyfile", "--config", file];
  },
};

const PATH = [process.env.PATH, "/usr/sbin"].join(delimiter);
const isInstalled = (program: string) =>
  PATH.split(delimiter).some((folder) => existsSync(join(folder, program)));

/** From an address of loopback that no setting names, so that it is not taken for a proxy's. */
const client = (port: number) => openSecure(port, { servername: NAME, localAddress: "127.0.0.2" });

async function asks(port: number, request: RawRequest): Promise<RawAnswer> {
  const { connection, send } = await client(port);
  const headers = { Host: NAME, "X-Askonce-Token": TOKEN, ...(request.headers as Record<string, string>) };
  await send({ ...request, headers });
  const answer = await connection.answer();
  connection.destroy();
  return answer;
}

/** What must hold behind whichever proxy. */
async function holds(port: number, server: Askonce, provider: Awaited<ReturnType<typeof startProvider>>) {
  const request = { path: openai.path, body: JSON.stringify(openai.request(fresh(), false)) };
  const spoofed = { "X-Forwarded-For": "1.2.3.4", Forwarded: "for=5.6.7.8" };
  const first = await asks(port, { ...request, headers: spoofed });
  assertMiss(first);
  assertHit(
    await asks(port, { ...request, path: `/~${TOKEN}${openai.path}`, headers: { "X-Askonce-Token": "" } }),
    first,
  );
  await server.printed(({ log }) => log.length === 2);
  assert.deepEqual(
    server.log.map((line) => line.split(" ")[0]),
    ["127.0.0.2", "127.0.0.2"],
  );
  assert.equal((await asks(port, { ...request, headers: { "X-Askonce-Token": "none" } })).status, 401);
  assert.equal((await asks(port, { path: "/metrics" })).status, 401);
  assert.match((await asks(port, { path: "/" })).text, new RegExp(`OPENAI_BASE_URL=https://${NAME}`));

  provider.handler = () => {};
  provider.forget();
  const { connection, send } = await client(port);
  const headers = { Host: NAME, "X-Askonce-Token": TOKEN };
  await send({ path: openai.path, headers, body: JSON.stringify(openai.request(fresh(), true)) });
  const call = await provider.next();
  await call.head({ headers: { "Content-Type": "text/event-stream" } });
  const events = openai.events("behind");
  for (let sent = 1; sent <= events.length; sent++) {
    await call.chunk(events[sent - 1] ?? "");
    if (sent === events.length) await call.end();
    // Each event arrives before the next one is sent.
    const soFar = events.slice(0, sent).join("");
    if (sent < events.length) await connection.until((answer) => answer.text === soFar);
  }
  const answer = await connection.answer();
  assert.deepEqual([answer.text, answer.ending], [events.join(""), "complete"]);
  connection.destroy();
}

test("behind nginx and Caddy as docs/exposure.md sets them up, all is as without", {
  timeout: 110_000,
}, async (t) => {
  for (const program of ["nginx", "caddy"] as const) {
    const own = await freePort();
    const provider = await startProvider(answerWell);
    const server = await startAskonce({
      flags: [
        ...["--provider", `openai=${provider.url}`, "--access-tokens", TOKEN, "--scope", "shared"],
        ...["--allowed-hosts", NAME, "--trusted-proxies", "127.0.0.1"],
      ],
    });
    const command = programs[program]({ own, askonce: server.port });
    let proxy: ChildProcess | undefined;
    t.after(async () => {
      proxy?.kill("SIGTERM");
      await server.kill();
      await provider.close();
    });
    if (!isInstalled(program)) continue;
    proxy = spawn(command[0] ?? "", command.slice(1), {
      env: { ...process.env, PATH, HOME: tempFolder() },
      stdio: "ignore",
    });
    await eventually(async () => (await client(own)).connection.destroy(), 15_000);
    await holds(own, server, provider);
    console.log(`figure: askonce was tried behind ${program}`);
  }
});
