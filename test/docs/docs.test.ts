/**
 * Every command of README.md and docs/ is typed, page by page, and what a page shows is compared with what comes.
 * What cannot run here carries its reason in the page: `<!-- not run: needs root -->`.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { pages } from "../../scripts/docs.ts";
import { setUp } from "../clients/python.ts";
import { root } from "../support/askonce.ts";
import { answer } from "./answer.ts";
import { type Block, blocksOf, typedIn } from "./blocks.ts";
import { type Sandbox, sandbox } from "./sandbox.ts";
import { isWhole } from "./shell.ts";
import { difference } from "./shown.ts";

const PAGE = { timeout: 300_000 };
const SHELL = ["sh", "console"];
/** Languages of blocks that are no commands. */
const SHOWN = ["text", "toml", "json", "yaml", "nginx", "caddy", "promql"];

const only = process.env.DOCS_PAGE;
const python = setUp();
const left: string[] = [];
let run = 0;

for (const path of pages()) {
  const name = path.slice(root.length + 1);
  if (only !== undefined && name !== only) continue;
  const blocks = blocksOf(readFileSync(path, "utf8"));

  test(`${name}: what a block is written in is said, and why one is not run`, () => {
    for (const { line, language, notRun, file } of blocks) {
      assert.notEqual(notRun, "", `${name}:${line}: say why it is not run`);
      if (file === undefined && notRun === undefined)
        assert.ok([...SHELL, ...SHOWN].includes(language), `${name}:${line}: a block of "${language}"`);
    }
  });

  const commands = blocks.filter(({ language, notRun }) => SHELL.includes(language) && notRun === undefined);
  for (const { line, language, notRun } of blocks)
    if (SHELL.includes(language) && notRun !== undefined) left.push(`${name}:${line}: ${notRun}`);
  if (commands.length > 0)
    test(`${name}: its commands do what it shows`, PAGE, async () => {
      const place = await sandbox(answer, python);
      const faults: string[] = [];
      try {
        for (const block of blocks)
          if (block.notRun === undefined) faults.push(...(await follow(name, place, block)));
      } finally {
        await place.end();
      }
      assert.equal(faults.length, 0, faults.join("\n\n"));
    });
}

/** Writes a block's file, or types its commands; answers with what was otherwise than the page says. */
async function follow(name: string, place: Sandbox, block: Block): Promise<readonly string[]> {
  if (block.file !== undefined) {
    mkdirSync(dirname(join(place.folder, block.file)), { recursive: true });
    writeFileSync(join(place.folder, block.file), `${place.here(block.text)}\n`);
  }
  if (block.file !== undefined || !SHELL.includes(block.language)) return [];
  const faults: string[] = [];
  const typed = typedIn(block, isWhole);
  for (const [index, { command, shown }] of typed.entries()) {
    const at = `${name}:${block.line}: ${command}`;
    const answered = await place.shell.type(place.here(command));
    const output = place.there(answered.output);
    run++;
    if (process.env.DOCS_SHOW) console.log(`$ ${command}\n${output}`);
    const code = index === typed.length - 1 ? block.exit : 0;
    if (answered.code !== code) faults.push(`${at}\nexit code ${answered.code}, not ${code}\n${output}`);
    const differs = shown === undefined ? undefined : difference(shown, output);
    if (differs !== undefined) faults.push(`${at}\n${differs}`);
  }
  return faults;
}

test("the pages have commands to run", () =>
  assert.ok(run > (only === undefined ? 30 : 0), `${run} were run`));

after(() => {
  console.log(`figures: ${run} commands run, ${left.length} blocks not run`);
  for (const line of left) console.log(`figures: ${line}`);
});
