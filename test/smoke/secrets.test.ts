import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { type Askonce, startAskonce } from "../support/askonce.ts";
import { type Provider, startProvider } from "../support/provider.ts";
import { ask, post } from "../support/raw.ts";
import { fresh } from "../support/session.ts";
import { Marks, readable } from "../support/traces.ts";

const marks = new Marks();
const secret = (where: string) => marks.secret(where);

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
  marks.made.splice(
    marks.made.findIndex((mark) => mark.includes("SECRETct")),
    1,
  );
  provider.handler = answerWell;
}

for (const scope of ["shared", "credential"]) {
  for (const log of ["text", "json"]) {
    test(`no credential is found in the data folder or the log: scope ${scope}, log ${log}`, {
      timeout: 120_000,
    }, async (t) => {
      marks.made.length = 0;
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
      assert.deepEqual(marks.foundIn(places), []);
    });
  }
}
