import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { runAskonce, startAskonce } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { assertHit, assertMiss, eventually, fresh, inParallel, OWN_PROCESS } from "../support/session.ts";

/** File key and a value that no such setting takes. */
const BAD: readonly (readonly [key: string, value: string, valid: RegExp])[] = [
  ["listen", "nowhere", /127\.0\.0\.1|port/i],
  ["listen", "127.0.0.1:99999", /port|127\.0\.0\.1/i],
  ["ttl", "4 days", /4d|forever/],
  ["ttl", "10", /10m|30s|4d/],
  ["ttl", "-1s", /30s|4d/],
  ["ttl_pure", "soon", /30d|4d/],
  ["ttl_404", "1minute", /1m|10m|30s/],
  ["max_size", "1GB", /GiB/],
  ["max_size", "lots", /GiB/],
  ["max_entry", "64M", /MiB/],
  ["max_request", "1.5.5MiB", /MiB/],
  ["max_body", "-1KiB", /KiB|MiB/],
  ["max_buffered", "∞", /MiB/],
  ["inactive", "never", /forever|4d/],
  ["mode", "cached", /replay/],
  ["scope", "everyone", /credential/],
  ["upstream.timeout", "15", /15m|30s|10m/],
  ["join_patience", "2 m", /10m|30s/],
  ["on_disconnect", "later", /finish/],
  ["shutdown_grace", "quick", /30s/],
  ["log", "xml", /json/],
  ["default_provider", "Not A Name!", /provider/],
  ["allowed_hosts", "http://a b/", /host/i],
  ["allowed_origins", "not an origin", /origin|https?:/i],
];

const flagOf = (key: string) => `--${key.replace(/[._]/g, "-")}`;
const variableOf = (key: string) => `ASKONCE_${key.toUpperCase().replaceAll(".", "_")}`;

function fileWith(text: string): string {
  const path = join(tempFolder(), "askonce.toml");
  writeFileSync(path, text);
  return path;
}

function refused(exited: Awaited<ReturnType<typeof runAskonce>>, parts: readonly (string | RegExp)[]): void {
  assert.equal(exited.code, 2, exited.stderr || exited.stdout);
  assert.equal(exited.stdout, "");
  for (const part of parts) {
    const found = typeof part === "string" ? exited.stderr.includes(part) : part.test(exited.stderr);
    assert.ok(found, `${part} is missing in: ${exited.stderr}`);
  }
}

test("every bad value stops the start with exit code 2: name, value, where it stood, what is valid", {
  timeout: 120_000,
}, async () => {
  const jobs = BAD.flatMap(([key, value, valid]) => [
    async () => refused(await runAskonce([flagOf(key), value]), [key, value, flagOf(key), valid]),
    async () =>
      refused(await runAskonce([], { env: { [variableOf(key)]: value } }), [
        key,
        value,
        variableOf(key),
        valid,
      ]),
    async () => {
      const [table, name] = key.includes(".") ? key.split(".") : ["", key];
      const text = `# a comment\n${table ? `[${table}]\n` : ""}${name} = ${JSON.stringify(value)}\n`;
      const file = fileWith(text);
      const at = table ? /\b3\b/ : /\b2\b/;
      refused(await runAskonce(["--config", file]), [name ?? "", value, "askonce.toml", at, valid]);
    },
  ]);
  const faults: string[] = [];
  await inParallel(jobs.length, 3, async (i) => {
    await jobs[i]?.().catch((fault) =>
      faults.push(`${BAD[Math.floor(i / 3)]?.slice(0, 2)} [${i % 3}]: ${fault.message}`),
    );
  });
  assert.deepEqual(faults, []);
});

test("an unknown flag, file key, command and a flag without its value are refused, the nearest named", {
  timeout: 60_000,
}, async () => {
  refused(await runAskonce(["--tll", "4d"]), ["--tll", "--ttl"]);
  refused(await runAskonce(["--config", fileWith('ttl = "4d"\nmax_sise = "1GiB"\n')]), [
    "max_sise",
    "max_size",
    /\b2\b/,
  ]);
  refused(await runAskonce(["--config", fileWith('[upstream]\ntimeoute = "1m"\n')]), ["timeoute", "timeout"]);
  refused(await runAskonce(["--config", fileWith('ttl = "4d\n')]), ["askonce.toml", /\b1\b/]);
  refused(await runAskonce(["--config", fileWith("ttl = 4\n")]), ["ttl", "4", /4d|30s/]);
  refused(await runAskonce(["--config", "/nowhere/askonce.toml"]), ["/nowhere/askonce.toml"]);
  refused(await runAskonce(["--ttl"]), ["--ttl"]);
});

test("an unknown command names the nearest and exits with 2", OWN_PROCESS, async () => {
  refused(await runAskonce(["serv"]), ["serv", "serve"]);
});

test("a provider that is no URL, or holds a credential or a query, is refused", {
  timeout: 60_000,
}, async () => {
  for (const value of [
    "openai",
    "openai=",
    "openai=nowhere",
    "openai=ftp://x",
    "=http://x",
    "Open AI=http://x",
    "openai=http://x/?a=1",
  ]) {
    refused(await runAskonce(["--provider", value]), [
      "provider",
      "flag --provider",
      /http|a provider's name/,
    ]);
  }
  refused(await runAskonce([], { env: { ASKONCE_PROVIDER_GROQ: "nope" } }), [
    "ASKONCE_PROVIDER_GROQ",
    "nope",
    /http/,
  ]);
  refused(await runAskonce(["--config", fileWith('[providers.mine]\nurl = "nope"\n')]), [
    "mine",
    "nope",
    /\b2\b/,
    /http/,
  ]);
  refused(await runAskonce(["--config", fileWith('[providers.mine]\nurl = "http://x"\nauth = "some"\n')]), [
    "some",
    "none",
  ]);
});

test("an unknown ASKONCE_ variable only warns, by name", OWN_PROCESS, async (t) => {
  const server = await startAskonce({ env: { ASKONCE_TLL: "4d" } });
  t.after(() => server.kill());
  assert.match(server.stderr, /ASKONCE_TLL/);
  assert.equal((await ask(server.port, { path: "/healthz" })).status, 200);
});

test(
  "flags beat variables, variables beat the file, and of a flag given twice the last counts",
  OWN_PROCESS,
  async (t) => {
    const names = ["file", "variable", "flag", "last"];
    const all = await Promise.all(names.map(() => startProvider(answerWell)));
    const [file, variable, flag, last] = all.map((provider) => provider.url);
    const config = fileWith(
      `[providers.a]\nurl = "${file}"\n[providers.b]\nurl = "${file}"\n[providers.c]\nurl = "${file}"\n[providers.d]\nurl = "${file}"\n`,
    );
    const server = await startAskonce({
      env: {
        ASKONCE_CONFIG: config,
        ASKONCE_PROVIDER_B: variable ?? "",
        ASKONCE_PROVIDER_C: variable ?? "",
        ASKONCE_PROVIDER_D: variable ?? "",
      },
      flags: ["--provider", `c=${flag}`, "--provider", `d=${flag}`, `--provider=d=${last}`],
    });
    t.after(async () => {
      await server.kill();
      for (const provider of all) await provider.close();
    });
    for (const name of ["a", "b", "c", "d"]) await ask(server.port, { path: `/${name}/v1/models` });
    assert.deepEqual(
      all.map((provider) => provider.count),
      [1, 1, 1, 1],
    );
  },
);

test("SIGHUP reads the file again; a broken one is named and changes nothing", OWN_PROCESS, async (t) => {
  const [one, two] = [await startProvider(answerWell), await startProvider(answerWell)];
  const config = fileWith(`[providers.mine]\nurl = "${one.url}"\n`);
  const server = await startAskonce({ flags: ["--config", config] });
  t.after(async () => {
    await server.kill();
    await one.close();
    await two.close();
  });
  await ask(server.port, { path: "/mine/v1/models" });
  assert.equal(one.count, 1);
  writeFileSync(config, 'ttl = "sometimes"\n');
  server.signal("SIGHUP");
  await server.printed((s) => s.stderr.includes("sometimes"), 5000);
  await ask(server.port, { path: "/mine/v1/models" });
  assert.equal(one.count, 2);
  writeFileSync(config, `[providers.mine]\nurl = "${two.url}"\n`);
  server.signal("SIGHUP");
  await eventually(async () => {
    await ask(server.port, { path: "/mine/v1/models" });
    assert.ok(two.count > 0);
  });
});

test("a .env, a bunfig.toml and a deno.json in the working folder change nothing", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  const cwd = tempFolder();
  writeFileSync(join(cwd, ".env"), "ASKONCE_TTL=broken\nASKONCE_MODE=bypass\nASKONCE_LISTEN=nowhere\n");
  writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./evil.ts"]\n[serve]\nport = 1\n');
  writeFileSync(join(cwd, "evil.ts"), 'console.log("evil"); throw new Error("evil ran");\n');
  writeFileSync(join(cwd, "deno.json"), '{ "tasks": { "start": "false" } }');
  mkdirSync(join(cwd, "node_modules"));
  const server = await startAskonce({ cwd, flags: ["--provider", `openai=${provider.url}`] });
  t.after(async () => {
    await server.kill();
    await provider.close();
  });
  const body = openai.request(fresh(), false);
  const first = await post(server.port, openai.path, { body });
  assertMiss(first);
  assertHit(await post(server.port, openai.path, { body }), first);
  assert.doesNotMatch(server.stdout + server.stderr, /evil|broken/);
});

test("a port that is taken ends the start with exit code 1 and names the address", OWN_PROCESS, async (t) => {
  const other = await startProvider(() => {});
  t.after(() => other.close());
  const exited = await runAskonce(["--listen", `127.0.0.1:${other.port}`]);
  assert.equal(exited.code, 1);
  assert.ok(exited.stderr.includes(`${other.port}`), exited.stderr);
  assert.doesNotMatch(exited.stderr, /\n\s+at .*\.ts/);
});
