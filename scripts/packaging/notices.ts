/** The licences that must travel with the program: its own, and those of the packages in it. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Embedded } from "./bundle.ts";

const RULE = "-".repeat(72);
const BUN = `Bun (MIT, https://github.com/oven-sh/bun), the runtime in the executables, is linked with JavaScriptCore and
WebCore (LGPL-2.1) and further libraries: https://github.com/oven-sh/bun/blob/main/LICENSE.md lists them.`;

export function notices(root: string, embedded: readonly Embedded[]): string {
  const parts = embedded.map((one) => `${one.name} ${one.version} (${one.license})\n\n${textOf(one)}`);
  const own = readFileSync(join(root, "LICENSE"), "utf8").trim();
  return `${[`askonce\n\n${own}`, BUN, ...parts].join(`\n\n${RULE}\n`)}\n`;
}

function textOf({ name, folder, license }: Embedded): string {
  const file = readdirSync(folder).find((one) => /^licen[cs]e(\.\w+)?$/i.test(one));
  if (file !== undefined) return readFileSync(join(folder, file), "utf8").trim();
  const { author } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const who = typeof author === "string" ? author : (author?.name ?? `the authors of ${name}`);
  return `Copyright ${who}. Its package has no text of the licence: https://spdx.org/licenses/${license}.html`;
}
