import assert from "node:assert/strict";
import { test } from "node:test";
import { remembered } from "../../src/providers/remembered.ts";

test("a text is looked into once, until there are too many; a long one and one without a find each time", () => {
  let looked = 0;
  const find = remembered((text) => {
    looked++;
    return text === "" ? undefined : { length: text.length };
  });
  const looks = (text: string) => {
    const before = looked;
    const found = find(text);
    assert.deepEqual(found, text === "" ? undefined : { length: text.length });
    return looked - before;
  };
  assert.deepEqual([looks("a"), looks("a"), looks("b"), looks("a")], [1, 0, 1, 0]);
  assert.deepEqual([looks(""), looks("")], [1, 1]);
  assert.deepEqual([looks("x".repeat(513)), looks("x".repeat(513))], [1, 1]);
  for (let n = 0; n < 300; n++) find(`path ${n}`);
  assert.equal(looks("a"), 1);
  assert.equal(looks("path 299"), 0);
});
