import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import type { AdminBindings } from "../../src/admin/admin.ts";
import { createHandler } from "../../src/app.ts";
import { CHAT, journey } from "../support/journey.ts";

const HOST = "cache.example.com";

test("a head that came before passes no guard that it would not pass under today's settings", async () => {
  const run = journey({ flags: [["--allowed-hosts", HOST]] });
  const handler = createHandler({
    proxy: run.parts,
    ownName: "",
    version: "0",
    draining: () => false,
    adminServed: () => false,
    admin: new Hono<AdminBindings>(),
    token: { accepts: async () => false, rotate: async () => "" },
  });
  const post = async (content: string, host = HOST) => {
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content }] });
    const headers = { "content-type": "application/json", authorization: "Bearer sk-1", host };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    const request = new Request(`http://${host}${CHAT}`, { method: "POST", headers, body });
    const head = [`POST ${CHAT} HTTP/1.1`, ...lines].join("\r\n");
    const response = await handler(request, { address: "127.0.0.1", head });
    return [response.status, response.headers.get("x-cache-status")];
  };
  assert.deepEqual(await post("one"), [200, "MISS"]);
  assert.deepEqual(await post("two"), [200, "MISS"]);
  assert.deepEqual(await post("two"), [200, "HIT"]);
  assert.deepEqual((await post("two", "other.example.com"))[0], 421);
  run.config = { ...run.config, allowedHosts: [] };
  assert.equal((await post("two"))[0], 421);
  assert.equal((await post("three"))[0], 421);
  assert.equal(run.calls, 2);
});
