import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { answerWell } from "../support/answers.ts";
import { Askonce, type Exited, runAskonce, startAskonce } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { eventually, inParallel } from "../support/session.ts";

const CHAT = "/openai/v1/chat/completions";
const question = (text: string, more: object = {}) => ({
  model: "gpt-5-mini",
  messages: [{ role: "user", content: text }],
  ...more,
});

/** What differs between two moments, and between a database in use and one at rest. */
function steady(text: string): string {
  return text
    .replace(/\b\d+ ?s\b( ago)?/g, "N s")
    .replace(/"(age_s|bytes|archive_bytes|ttl_left_s)": \d+/g, '"$1": 0')
    .replace(/"since": "[^"]+"/g, '"since": ""')
    .replace(/ +[\d.]+ [KM]?i?B$/gm, " N B")
    .replace(/[\d.]+ [KM]iB/g, "N B");
}

/** Asks for an answer twice, another one once, and something that is never kept. */
async function fill(server: Askonce): Promise<string> {
  const asked = [question("Say hello"), question("Say hello"), question("Say hello", { temperature: 0.5 })];
  let key = "";
  for (const body of asked) {
    const answer = await post(server.port, CHAT, { body, headers: { authorization: "Bearer sk-test" } });
    key ||= answer.header("x-cache-key") ?? "";
  }
  await ask(server.port, { path: "/openai/v1/files" });
  return key;
}

test("the commands print the same of a running instance as of its folder once it has stopped", {
  timeout: 120_000,
}, async (t) => {
  const provider = await startProvider(answerWell);
  const data = join(tempFolder(), "data");
  const server = await startAskonce({ data, flags: ["--provider", `openai=${provider.url}`] });
  t.after(async () => {
    await tail.kill();
    await server.kill();
    await provider.close();
  });
  const tail = new Askonce({ data }, ["tail", "--json", "--data", data]);
  const key = await fill(server);
  const cli = (args: readonly string[]) => runAskonce([...args, "--data", data]);
  await eventually(async () => {
    const { entries } = JSON.parse((await cli(["ls", "-q", "hello", "--json"])).stdout);
    // Hits are written in batches.
    assert.deepEqual(entries.map(({ hits }: { hits: number }) => hits).sort(), [0, 1]);
  });

  const commands = [
    ["ls"],
    ["stats", "--by", "provider", "--json"],
    ["show", key.slice(0, 12)],
    ["explain", "--last"],
    ["export"],
  ] as const;
  const all = () => inParallel(commands.length, 3, (at) => cli(commands[at]!));
  const running = await all();
  await tail.printed(({ log }) => log.length === 4);
  const stopped = await server.stop();
  assert.equal(stopped.code, 0);
  const followed = await tail.exited;
  const words = followed.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).cache);
  assert.deepEqual([words, followed.code], [["MISS", "HIT", "MISS", "BYPASS"], 0]);

  const atRest = await all();
  for (const [at, command] of commands.entries()) {
    const shown = ({ code, stdout, stderr }: Exited) => ({ code, stdout: steady(stdout), stderr });
    assert.deepEqual(shown(atRest[at]!), shown(running[at]!), command.join(" "));
    assert.equal(atRest[at]!.code, 0, command.join(" "));
  }
  const total = JSON.parse(running[1]!.stdout).total;
  assert.deepEqual([total.requests, total.hits, total.misses, total.bypassed], [4, 1, 2, 1]);
  for (const { stdout, stderr } of [...running, ...atRest]) assert.doesNotMatch(stdout + stderr, /sk-test/);

  const folder = `${join(tempFolder(), "tape")}/`;
  assert.match((await cli(["export", folder])).stdout, /^exported 2 entries/);
  const files = readdirSync(folder);
  assert.equal(files.length, 2);
  for (const name of files) {
    const text = readFileSync(join(folder, name), "utf8");
    writeFileSync(join(folder, name), text.replaceAll("Answer", "Edited"));
  }
  const other = join(tempFolder(), "data");
  const imported = await runAskonce(["import", folder, "--data", other, "--json"]);
  assert.deepEqual(JSON.parse(imported.stdout), { imported: 2, replaced: 0 }, imported.stderr);
  assert.match((await runAskonce(["show", key, "--body", "--data", other])).stdout, /Edited/);
});
