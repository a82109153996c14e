import assert from "node:assert/strict";
import { test } from "node:test";
import { Quiet } from "../src/idle.ts";

const LARGE = 20 * 1024 * 1024;

/** What the engine still holds of the last text that something was looked for in. */
const lastText = () => (RegExp as unknown as { readonly $_: string }).$_;

test("memory is collected when large bodies are gone, without the text that was matched last, and not for small ones", async () => {
  const held: string[] = [];
  let idle = false;
  const asked = Promise.withResolvers<void>();
  const collected = new Promise<void>((resolve) => {
    const quiet = new Quiet(
      { monotonic: () => performance.now() + 10_000 },
      {
        idle() {
          asked.resolve();
          return idle;
        },
        collect() {
          held.push(lastText());
          resolve();
        },
      },
    );
    const small = new Quiet(
      { monotonic: () => performance.now() },
      { idle: () => true, collect: () => held.push("small") },
    );
    small.drained(1000);
    quiet.drained(LARGE);
  });
  await asked.promise;
  assert.deepEqual(held, [], "not while there is work");
  idle = true;
  assert.match("a whole prompt", /whole/);
  assert.equal(lastText(), "a whole prompt");
  await collected;
  assert.deepEqual(held, [""]);
});
