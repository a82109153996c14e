import assert from "node:assert/strict";
import { test } from "node:test";
import { inTime } from "../../src/proxy/in-time.ts";

test("what comes in time is told, and so is its failure; what takes longer is not waited for", async () => {
  assert.equal(await inTime(Promise.resolve(1), 60_000), 1);
  await assert.rejects(inTime(Promise.reject(new Error("no")), 60_000), /no/);
  const late = Promise.withResolvers<number>();
  assert.equal(await inTime(late.promise, 1), undefined);
  late.reject(new Error("heard by nobody"));
});
