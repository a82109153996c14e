import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { inflateSync, zstdDecompressSync } from "node:zlib";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, startAskonce } from "../support/askonce.ts";
import { filesBelow } from "../support/folder.ts";
import { type Provider, startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { fresh } from "../support/session.ts";

const marks: string[] = [];
/** A credential that is found wherever it turns up. */
function secret(where: string): string {
  const mark = `sk-SECRET${where}${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`;
  marks.push(mark);
  return mark;
}

/** What must not be found: the credential itself, and what it turns into without a secret of the installation. */
function tracesOf(mark: string): Record<string, Buffer> {
  const hash = (name: string) => Buffer.from(createHash(name).update(mark).digest());
  const bearer = Buffer.from(createHash("sha256").update(`Bearer ${mark}`).digest());
  return {
    clear: Buffer.from(mark),
    base64: Buffer.from(Buffer.from(mark).toString("base64").replace(/=+$/, "")),
    sha256: hash("sha256"),
    "sha256 in hex": Buffer.from(hash("sha256").toString("hex")),
    "sha256 of the header": bearer,
    "sha256 of the header in hex": Buffer.from(bearer.toString("hex")),
    md5: Buffer.from(hash("md5").toString("hex")),
  };
}

/** Everything that can be read out of a data folder: files as they are, and each value with its compression undone. */
function readable(folder: string): [where: string, bytes: Buffer][] {
  const found: [string, Buffer][] = [];
  for (const file of filesBelow(folder)) {
    const bytes = readFileSync(file);
    found.push([file, bytes]);
    if (bytes.subarray(0, 15).toString() === "SQLite format 3") found.push(...valuesOf(file));
  }
  return found;
}

function valuesOf(file: string): [string, Buffer][] {
  const database = new DatabaseSync(file, { readOnly: true });
  const found: [string, Buffer][] = [];
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as {
    name: string;
  }[];
  for (const { name } of tables) {
    for (const row of database.prepare(`SELECT * FROM "${name}"`).all() as Record<string, unknown>[]) {
      for (const [column, value] of Object.entries(row)) {
        const bytes = value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
        found.push([`${name}.${column}`, bytes], [`${name}.${column} unpacked`, unpacked(bytes)]);
      }
    }
  }
  database.close();
  return found;
}

function unpacked(bytes: Buffer): Buffer {
  for (const unpack of [zstdDecompressSync, inflateSync]) {
    try {
      return unpack(bytes);
    } catch {
      // Not packed this way.
    }
  }
  return bytes;
}

/** Every place a credential can stand in, over every way a request can go. */
async function spread(server: Askonce, provider: Provider): Promise<void> {
  const chat = (headers: Record<string, string>, path = openai.path) =>
    [1, 2].reduce(async (before) => {
      await before;
      await post(server.port, path, { body: openai.request(fresh(), false), headers });
    }, Promise.resolve());
  await chat({ authorization: `Bearer ${secret("bearer")}` });
  await chat({ authorization: `bearer  ${secret("spaced")}` });
  await chat({ authorization: `Basic ${Buffer.from(`u:${secret("basic")}`).toString("base64")}` });
  await chat({ "x-api-key": secret("xapikey"), "anthropic-version": "2023-06-01" }, "/anthropic/v1/messages");
  await chat({ "api-key": secret("apikey") });
  await chat({ "x-goog-api-key": secret("goog") }, "/google/v1beta/models/m:generateContent");
  await chat({ cookie: `session=${secret("cookie")}` });
  await chat({ "proxy-authorization": `Bearer ${secret("proxy")}` });
  for (const path of [
    "/google/v1beta/models/m:generateContent",
    "/v1beta/models/m:generateContent",
    "/openai/v1/files",
    "/nobody/x",
    "/gone/v1/models",
  ]) {
    for (const name of ["key", "api_key", "access_token", "%6bey"]) {
      const target = `${path}?a=1&${name}=${secret("query")}&b=2`;
      await post(server.port, target, { body: openai.request(fresh(), false) });
      await ask(server.port, { path: `${path}?${name}=${secret("get")}` });
    }
  }
  const servers = [{ type: "url", url: "https://x.example", name: "x", authorization_token: secret("mcp") }];
  const message = { model: "m", max_tokens: 9, messages: [{ role: "user", content: fresh() }] };
  await post(server.port, "/anthropic/v1/messages", {
    body: { ...message, mcp_servers: servers },
    headers: { "x-api-key": secret("with") },
  });
  const tools = [
    {
      type: "mcp",
      server_label: "x",
      server_url: "https://x",
      authorization: secret("tool"),
      headers: { Authorization: `Bearer ${secret("toolheader")}` },
    },
  ];
  await post(server.port, "/openai/v1/responses", {
    body: { model: "m", input: fresh(), store: false, tools },
    headers: { authorization: `Bearer ${secret("r")}` },
  });
  provider.handler = (call) =>
    call.reply({
      headers: { "Content-Type": "application/json", "Set-Cookie": `s=${secret("setcookie")}` },
      body: JSON.stringify(openai.document("x")),
    });
  await chat({ authorization: `Bearer ${secret("cookies")}` });
  provider.handler = async (call) => call.reset();
  await post(server.port, `${openai.path}?key=${secret("reset")}`, {
    body: openai.request(fresh(), false),
    headers: { authorization: `Bearer ${secret("reset")}` },
  });
  await ask(server.port, {
    path: `/openai/${secret("ct")}?key=${secret("host")}`,
    headers: { Host: "evil.example" },
  });
  marks.splice(
    marks.findIndex((mark) => mark.includes("SECRETct")),
    1,
  );
  provider.handler = answerWell;
}

for (const scope of ["shared", "credential"]) {
  for (const log of ["text", "json"]) {
    test(`no credential is found in the data folder or the log: scope ${scope}, log ${log}`, {
      timeout: 120_000,
    }, async (t) => {
      marks.length = 0;
      const provider = await startProvider(answerWell);
      const names = ["openai", "anthropic", "google"].flatMap((name) => [
        "--provider",
        `${name}=${provider.url}`,
      ]);
      const server = await startAskonce({
        flags: [...names, "--provider", "gone=http://127.0.0.1:9", "--scope", scope, "--log", log],
      });
      t.after(() => server.kill());
      await spread(server, provider);
      const count = provider.count;
      assert.ok(count > 40, `${count} calls reached the provider`);
      await provider.close();
      const running = readable(server.data);
      const exited = await server.stop();
      const places: [string, Buffer][] = [
        ...running,
        ...readable(server.data),
        ["stdout", Buffer.from(exited.stdout)],
        ["stderr", Buffer.from(exited.stderr)],
      ];
      assert.ok(exited.stdout.length > 5000, "the log has lines");
      assert.ok(places.length > 40, `${places.length} places were searched`);
      const found = new Set<string>();
      for (const mark of marks) {
        for (const [form, bytes] of Object.entries(tracesOf(mark))) {
          for (const [where, content] of places)
            if (content.includes(bytes)) found.add(`${form} of ${mark.slice(0, 18)} in ${where}`);
        }
      }
      assert.deepEqual([...found], []);
    });
  }
}
