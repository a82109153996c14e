/** What the command line of a benchmark says, as `--name value` or `--name`. */
import process from "node:process";

const given = process.argv.slice(2);

export function has(name: string): boolean {
  return given.includes(`--${name}`);
}

export function text(name: string, fallback: string): string {
  const at = given.indexOf(`--${name}`);
  return at < 0 ? fallback : (given[at + 1] ?? fallback);
}

/** Ends the program where it is no number above 0. */
export function number(name: string, fallback: number): number {
  const value = Number(text(name, String(fallback)));
  if (value > 0) return value;
  console.error(`--${name} ${text(name, "")}: a number above 0 is needed`);
  process.exit(2);
}

/** The words given to `--name`, split at commas. */
export function list(name: string): readonly string[] {
  return text(name, "")
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
}

/** Ends the program where a flag is given that is none of these. */
export function only(flags: readonly string[]): void {
  const wrong = given.find((word) => word.startsWith("--") && !flags.includes(word.slice(2)));
  if (wrong === undefined) return;
  console.error(`no flag ${wrong}: known are ${flags.map((flag) => `--${flag}`).join(", ")}`);
  process.exit(2);
}
