/**
 * The keys of the requests in test/support/golden-requests.ts, as test/fixtures/keys.json pins them. `--write` writes
 * that file anew: every key that changes is an entry that nobody finds again, so the changelog says [cold], and
 * KEY_VERSION counts up.
 */
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { goldenRequests } from "../test/support/golden-requests.ts";
import { Keyed } from "../test/support/keyed.ts";

export const goldenPath = join(dirname(import.meta.dirname), "test/fixtures/keys.json");

export async function goldenKeys(): Promise<Record<string, string>> {
  const keys: Record<string, string> = {};
  for (const { title, flags = [], ...posted } of goldenRequests) {
    const { key, word, detail } = await new Keyed([...flags]).ask(posted);
    keys[title] = key ?? `${word} ${detail}`;
  }
  return keys;
}

if (import.meta.main) {
  const text = `${JSON.stringify(await goldenKeys(), null, 2)}\n`;
  if (process.argv.includes("--write")) writeFileSync(goldenPath, text);
  else process.stdout.write(text);
}
