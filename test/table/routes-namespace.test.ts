import assert from "node:assert/strict";
import { test } from "node:test";
import { CHAT, refused, routed } from "../support/routed.ts";

test("a namespace and its controls are read, and what follows is routed without them", () => {
  const found = routed(`/@exp-7;sample=3;ttl=30d;mode=replay/openai/v1/${CHAT}?a=1`);
  assert.equal(found.namespace, "exp-7");
  assert.deepEqual(
    [...found.pathControls],
    [
      ["sample", "3"],
      ["ttl", "30d"],
      ["mode", "replay"],
    ],
  );
  assert.equal(found.url, `https://api.openai.com/v1/${CHAT}?a=1`);
  assert.equal(routed(`/@A.b_c-1/v1/${CHAT}`).namespace, "A.b_c-1");
  assert.equal(routed(`/%40ns/v1/${CHAT}`).namespace, "ns");
  assert.equal(routed(`/@${"n".repeat(64)}/v1/${CHAT}`).namespace.length, 64);
  assert.equal(routed(`/@n;replay=recorded*4/v1/${CHAT}`).pathControls.get("replay"), "recorded*4");
  assert.equal(routed(`/@n;run=a%2Fb/v1/${CHAT}`).pathControls.get("run"), "a/b");
  assert.equal(routed(`/v1/${CHAT}`).namespace, "");
});

for (const prefix of [
  "/@",
  "/@;sample=1",
  "/@a b",
  "/@a%2Fb",
  "/@é",
  `/@${"n".repeat(65)}`,
  "/@n;",
  "/@n;=3",
  "/@n;sample=1;sample=2",
  "/@n;ttl=%zz",
  "/@n;S=1",
]) {
  test(`${prefix} is no namespace with controls`, () => {
    const error = refused(`${prefix}/v1/${CHAT}`);
    assert.equal(error.code, "invalid_control");
    assert.equal(error.status, 400);
  });
}
