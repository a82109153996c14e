import assert from "node:assert/strict";
import { test } from "node:test";
import { parseHead } from "../../src/http/head.ts";
import { Refusal } from "../../src/http/refusal.ts";
import { testServer, turn } from "../support/http-wire.ts";

const parse = (line: string) => parseHead(`POST / HTTP/1.1\r\nHost: a\r\n${line}`, "http");

test("a no-break space around a value is part of it: a framing with one is refused", () => {
  for (const [line, status] of [
    ["Content-Length: \xa05", 400],
    ["Content-Length: 5\xa0", 400],
    ["Transfer-Encoding: \xa0chunked", 501],
    ["Transfer-Encoding: chunked\xa0", 501],
    ["Expect: 100-continue\xa0", 417],
  ] as const) {
    const head = parse(line);
    assert.ok(head instanceof Refusal, line);
    assert.equal(head.status, status, line);
  }
});

test("blanks and tabs around a value are none of it, other bytes are", () => {
  for (const [sent, read] of [
    ["X: \t a b\t ", "a b"],
    ["X:a", "a"],
    ["X: \t ", ""],
    ["X:", ""],
    ["X: \xa0key\xa0", "\xa0key\xa0"],
  ] as const) {
    const head = parse(sent);
    assert.ok(!(head instanceof Refusal), sent);
    assert.deepEqual(head.headers.at(-1), ["X", read]);
  }
});

test('"close" with a no-break space beside it closes nothing', () => {
  const head = parse("Connection: \xa0close");
  assert.ok(!(head instanceof Refusal) && head.keep);
});

test("a connection is idle behind an empty line: no request began with it", async () => {
  const { connect, pass, server } = testServer(() => new Response("x"));
  const { wire, send } = connect();
  send("GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n");
  await turn();
  pass(60_001);
  server.sweep();
  assert.deepEqual([wire.statuses.filter((status) => status === 408), wire.ending], [[], ""]);
  send("\r");
  pass(60_001);
  server.sweep();
  assert.deepEqual([wire.statuses.filter((status) => status === 408).length, wire.ending], [1, "shutdown"]);
});
