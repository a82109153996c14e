import assert from "node:assert/strict";
import { test } from "node:test";
import { Heads } from "../../src/http/heads.ts";

const head = (nonce: number) => `POST / HTTP/1.1\r\nHost: a\r\nX-Nonce: ${nonce}`;

test("short heads count with what is made of them, so 10,000 of them push the first out; a few do not", () => {
  const heads = new Heads("http");
  const first = heads.find(head(0));
  for (let i = 1; i < 1_000; i++) heads.find(head(i));
  assert.equal(heads.find(head(0)), first);
  for (let i = 1_000; i < 10_000; i++) heads.find(head(i));
  assert.notEqual(heads.find(head(0)), first);
});
