import { type ExplainAnswer, type NearAnswer, SHORT_KEY } from "./answers.ts";
import { folded, line, wrapped } from "./display.ts";
import { moment, percent, plural } from "./readable.ts";
import type { Screen } from "./screen.ts";
import { facts } from "./table.ts";

/** What is stored and close to a request, with where it differs; says so where a miss has nothing near it. */
export function nearestStored(answer: ExplainAnswer, screen: Screen): string {
  const { nearest, would, key, endpoint, model } = answer;
  if (nearest.length > 0) {
    return nearest
      .map((near, at) => shown(near, { screen, most: at === 0 ? MOST_DIFFERENCES : MOST_OF_OTHERS }))
      .join("");
  }
  if (!/miss$/i.test(would) || key === null) return "";
  const of = model === null ? "" : `, model ${line(model)}`;
  const none = `Nothing is stored that is close to it (${line(endpoint ?? "")}${of}).`;
  return `\n${wrapped(none, screen.width).join("\n")}\n`;
}

/** The nearest tells the most; of the others a few words are enough. */
const MOST_DIFFERENCES = 12;
const MOST_OF_OTHERS = 3;

function shown(near: NearAnswer, { screen, most }: { screen: Screen; most: number }): string {
  const { width, paint } = screen;
  // Of a request that is remembered as digests nobody can say how much is the same.
  const same = near.same === 0 ? "like it" : `${percent(near.same, 1)} the same`;
  const head = `  ${near.key.slice(0, SHORT_KEY)}  ${same}, stored ${moment(near.stored_at)}\n`;
  const differences = near.differences.slice(0, most).map(({ path, asked, stored }) => {
    const spell = alike(asked, stored) ? spelledOut : line;
    const told = (value: string | null) =>
      folded(value === null ? "(absent)" : spell(value), width - "      stored  ".length).join("\n");
    const values = [["asked", told(asked)] as const, ["stored", told(stored)] as const];
    return `    differs at ${paint.cyan(line(path))}\n${facts(values, { width, indent: "      ", dim: paint.dim })}`;
  });
  const left = near.more + near.differences.length - differences.length;
  const more = left > 0 ? `    and ${plural(left, "more difference")}\n` : "";
  return `${head}${differences.join("")}${more}`;
}

/** Whether two values that differ would look the same on a screen: another composition of accents, other white space. */
function alike(asked: string | null, stored: string | null): boolean {
  return (
    asked !== null && stored !== null && line(asked).normalize("NFKC") === line(stored).normalize("NFKC")
  );
}

function spelledOut(text: string): string {
  return text.replace(
    /[^\x20-\x7e]|(?<= ) /gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
}
