import assert from "node:assert/strict";
import { test } from "node:test";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { answerWell, openai } from "../support/answers.ts";
import { startAskonce } from "../support/askonce.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, RawConnection, send } from "../support/raw.ts";
import { assertHit, assertMiss, fresh, OWN_PROCESS, sameBytes, session } from "../support/session.ts";

const run = session({ flags: ["--upstream-timeout", "2s"] });
const json = { "Content-Type": "application/json" };
const document = JSON.stringify(openai.document("x"));

for (const [coding, compress] of [
  ["gzip", gzipSync],
  ["br", brotliCompressSync],
  ["zstd", zstdCompressSync],
] as const) {
  test(`a request body in ${coding} goes up as it came and shares its entry with the plain one`, async () => {
    const provider = run.script("openai", async (call) => {
      await call.body;
      await call.reply({ headers: json, body: document });
    });
    const plain = JSON.stringify(openai.request(fresh(), false));
    const bytes = new Uint8Array(compress(plain));
    const first = await ask(run.port, {
      path: openai.path,
      headers: { "Content-Encoding": coding },
      body: bytes,
    });
    assertMiss(first);
    const call = provider.calls[0];
    sameBytes((await call?.body) ?? new Uint8Array(), bytes);
    assert.equal(call?.header("content-encoding"), coding);
    assertHit(await ask(run.port, { path: openai.path, body: plain }), first);
  });
}

test("a damaged or unknown request coding is forwarded as it came and never a hit", async () => {
  const provider = run.script("openai", async (call) => {
    await call.body;
    await call.reply({ headers: json, body: document });
  });
  for (const coding of ["gzip", "zstd", "made-up"]) {
    provider.forget();
    for (const _ of [1, 2]) {
      const answer = await ask(run.port, {
        path: openai.path,
        headers: { "Content-Encoding": coding },
        body: "{}not coded",
      });
      assert.deepEqual([answer.status, answer.cache], [200, "BYPASS"], coding);
    }
    assert.equal(provider.count, 2);
  }
});

test("a request that is not cached streams up: the provider has its first bytes before the last are sent", async () => {
  const provider = run.script("openai", async (call) =>
    call.reply({ body: String((await call.body).byteLength) }),
  );
  const client = await RawConnection.open(run.port);
  await client.write(
    `POST /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`,
  );
  const call = await provider.next();
  await call.begun;
  await client.write("2\r\nde\r\n0\r\n\r\n");
  assert.equal((await client.answer()).text, "5");
  client.destroy();
});

test("an upload with a length streams up too, and arrives to the byte", async () => {
  const provider = run.script("openai", async (call) =>
    call.reply({ body: String((await call.body).byteLength) }),
  );
  const client = await RawConnection.open(run.port);
  const part = new Uint8Array(1_000_000).map((_, i) => i * 7);
  await client.write("POST /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n");
  await client.write(part);
  const call = await provider.next();
  await call.begun;
  await client.write(part);
  assert.equal((await client.answer()).text, "2000000");
  sameBytes((await call.body).subarray(1_000_000), part);
  client.destroy();
});

test("an upload whose client breaks off does not end cleanly at the provider", async () => {
  const provider = run.script("openai", () => {});
  const client = await RawConnection.open(run.port);
  await client.write("POST /openai/v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nabc");
  const call = await provider.next();
  await call.begun;
  client.destroy();
  await call.closed;
  assert.equal(call.whole, false);
});

test("a break in a stream that is not cached breaks off at the client too, after the bytes that came before", async () => {
  const provider = run.script("openai", () => {});
  const client = await send(run.port, { method: "GET", path: "/openai/v1/files/f/content" });
  const call = await provider.next();
  await call.head({ headers: { "Content-Type": "text/event-stream" } });
  await call.chunk("data: 1\n\n");
  await client.until((answer) => answer.text === "data: 1\n\n");
  call.cut();
  const answer = await client.answer();
  client.destroy();
  assert.deepEqual([answer.text, answer.ending === "complete"], ["data: 1\n\n", false]);
});

test(
  "a provider that cannot be reached is a 502 and one that stays silent a 504, in the family's own error shape",
  OWN_PROCESS,
  async (t) => {
    const silent = await startProvider(() => {});
    const gone = await startProvider(() => {});
    await gone.close();
    const names = ["openai", "anthropic", "google", "cohere", "mistral", "ollama", "groq"];
    const start = (url: string) =>
      startAskonce({
        flags: [...names.flatMap((name) => ["--provider", `${name}=${url}`]), "--upstream-timeout", "300ms"],
      });
    const servers = [await start(gone.url), await start(silent.url)] as const;
    t.after(async () => {
      for (const server of servers) await server.kill();
      await silent.close();
    });
    const paths = [
      "/openai/v1/chat/completions",
      "/anthropic/v1/messages",
      "/google/v1beta/models/m:generateContent",
    ];
    paths.push(
      "/cohere/v2/chat",
      "/mistral/v1/chat/completions",
      "/ollama/api/chat",
      "/groq/openai/v1/chat/completions",
    );
    for (const [i, [status, code]] of [
      [502, "upstream_unreachable"],
      [504, "upstream_timeout"],
    ].entries()) {
      for (const path of paths) {
        const answer = await post(servers[i]?.port ?? 0, path, { body: openai.request(fresh(), false) });
        assert.equal(answer.status, status, path);
        assert.match(answer.header("content-type") ?? "", /^application\/json/);
        assert.match(answer.header("cache-status") ?? "", new RegExp(`detail="?${code}`));
        assert.ok(answer.cache, "X-Cache-Status");
        const { json: body } = answer;
        if (/anthropic/.test(path)) assert.deepEqual([body.type, body.error.code], ["error", code]);
        else if (/openai|groq/.test(path))
          assert.deepEqual([typeof body.error.message, body.error.code], ["string", code]);
        else assert.equal(body.askonce_code ?? body.error.code, code, path);
        if (/google/.test(path)) assert.equal(typeof body.error.message, "string");
        if (/cohere|mistral/.test(path)) assert.equal(typeof body.message, "string");
        if (/ollama/.test(path)) assert.equal(typeof body.error, "string");
      }
    }
  },
);

test("a POST that the provider reads and drops is called once, on a new connection and on a reused one", async () => {
  const provider = run.script("openai", answerWell);
  for (const path of [openai.path, "/openai/v1/files"]) {
    for (const drop of ["cut", "reset"] as const) {
      provider.handler = answerWell;
      for (let i = 0; i < 3; i++) await post(run.port, path, { body: openai.request(fresh(), false) });
      provider.forget();
      provider.handler = async (call) => {
        await call.body;
        call[drop]();
      };
      const answer = await post(run.port, path, { body: openai.request(fresh(), false) });
      assert.equal(answer.status, 502, `${path} ${drop}`);
      assert.equal(provider.count, 1, `${path} ${drop}`);
    }
  }
});
