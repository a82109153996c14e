/** Run by scripts/try/arm64: the arm64 executable, natively or under qemu. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { tempFolder } from "../../support/folder.ts";
import { succeed } from "../command.ts";
import { missThenHit } from "../served.ts";

const askonce = (process.env.ASKONCE_ARM64 ?? "").split(" ");
const LONG = { timeout: 120_000 };

test("--version says which executable it is", LONG, async () => {
  const { stdout } = await succeed([...askonce, "--version"]);
  assert.match(stdout, /^askonce \d+\.\d+\.\d+ \(.*bun [\d.]+, linux-arm64\)\n$/);
});

test("MISS, then HIT, and after a restart HIT again", LONG, async () => {
  const data = join(tempFolder(), "data");
  await missThenHit(askonce, { data });
  await missThenHit(askonce, { data, expect: ["HIT", "HIT"] });
});
