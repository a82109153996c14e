import assert from "node:assert/strict";
import { test } from "node:test";
import { journey } from "../support/journey.ts";
import { posted, remembering, word } from "../support/remembering.ts";

const question = (content: string) =>
  JSON.stringify({ model: "m", messages: [{ role: "user", content: content.padEnd(40) }] });

test("what settings decided that changed while a body came in is not remembered for later requests", async () => {
  const run = journey();
  const { begin, ask } = remembering(run);
  const rest = begin(posted(question("first")), 200);
  run.config = { ...run.config, mode: "replay" };
  assert.equal(word(await rest()), "200 MISS");
  assert.equal(word(await ask(posted(question("other")))), "424 MISS");
  assert.equal(run.calls, 1);
});

test("a digest under settings that changed meanwhile is not remembered either", async () => {
  const run = journey({ flags: [["--key-ignore", "trace"]] });
  const { begin, ask } = remembering(run);
  const traced = (trace: string) => JSON.stringify({ model: "m", messages: [], trace });
  await ask(posted(traced("a"), { headers: "X-Other: 1\r\n" }));
  const rest = begin(posted(traced("b")), 200);
  run.config = { ...run.config, keyIgnore: [] };
  assert.equal(word(await rest()), "200 HIT");
  assert.equal(word(await ask(posted(traced("b")))), "200 MISS");
});
