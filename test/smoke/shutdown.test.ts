import assert from "node:assert/strict";
import { test } from "node:test";
import { answerWell, openai } from "../support/answers.ts";
import { startAskonce } from "../support/askonce.ts";
import { startProvider } from "../support/provider.ts";
import { ask, post, RawConnection, send } from "../support/raw.ts";
import { assertHit, fresh, OWN_PROCESS } from "../support/session.ts";

const sse = { headers: { "Content-Type": "text/event-stream" } };

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(
    `${signal} lets a stream in flight finish, takes no new connection, and exits 0 with the answer kept`,
    OWN_PROCESS,
    async (t) => {
      const provider = await startProvider(() => {});
      t.after(() => provider.close());
      const flags = ["--provider", `openai=${provider.url}`];
      const server = await startAskonce({ flags });
      const body = openai.request(fresh(), true);
      const client = await send(server.port, { path: openai.path, body: JSON.stringify(body) });
      const call = await provider.next();
      await call.head(sse);
      const events = openai.events("drain");
      await call.chunk(events[0] ?? "");
      await client.until((answer) => answer.parts.length > 0);
      server.signal(signal);
      await refuses(server.port);
      for (const event of events.slice(1)) await call.chunk(event);
      await call.end();
      const first = await client.answer();
      assert.deepEqual([first.text, first.ending], [events.join(""), "complete"]);
      const exited = await server.exited;
      assert.deepEqual([exited.code, exited.signal], [0, null], exited.stderr);
      assert.match(exited.stdout, / Cache: MISS\n$/);
      const again = await startAskonce({ flags, data: server.data });
      t.after(() => again.kill());
      assertHit(await post(again.port, openai.path, { body }), first);
    },
  );
}

async function refuses(port: number): Promise<void> {
  const deadline = performance.now() + 5000;
  while (performance.now() < deadline) {
    const open = await RawConnection.open(port).catch(() => undefined);
    if (!open) return;
    open.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail("still accepts connections after 5 s");
}

test("an idle server exits 0 at once, with keep-alive connections open", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  t.after(() => provider.close());
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`] });
  const idle = await send(server.port, { path: "/healthz" });
  await idle.answer();
  const begun = performance.now();
  assert.equal((await server.stop()).code, 0);
  assert.ok(performance.now() - begun < 3000, `${performance.now() - begun} ms`);
  idle.destroy();
});

test(
  "a stream that outlasts shutdown_grace is cut, not ended cleanly, and the exit code is 0",
  OWN_PROCESS,
  async (t) => {
    const provider = await startProvider(() => {});
    t.after(() => provider.close());
    const server = await startAskonce({
      flags: ["--provider", `openai=${provider.url}`, "--shutdown-grace", "500ms"],
    });
    const client = await send(server.port, {
      path: openai.path,
      body: JSON.stringify(openai.request(fresh(), true)),
    });
    const call = await provider.next();
    await call.head(sse);
    await call.chunk(openai.events("long")[0] ?? "");
    await client.until((answer) => answer.parts.length > 0);
    const begun = performance.now();
    const exited = await server.stop();
    assert.equal(exited.code, 0, exited.stderr);
    assert.ok(performance.now() - begun < 5000, `${performance.now() - begun} ms`);
    assert.notEqual((await client.answer(1000)).ending, "complete");
  },
);

test("a closed stdout does not bring the server down", OWN_PROCESS, async (t) => {
  const provider = await startProvider(answerWell);
  t.after(() => provider.close());
  const server = await startAskonce({ flags: ["--provider", `openai=${provider.url}`], shell: "exec >&-;" });
  t.after(() => server.kill());
  for (let i = 0; i < 5; i++) {
    assert.equal(
      (await post(server.port, openai.path, { body: openai.request(fresh(), false) })).status,
      200,
    );
  }
  assert.equal((await ask(server.port, { path: "/healthz" })).status, 200);
});
