/** `askonce run` with commands that ask, as a user would type it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Askonce, type Exited, root, runAskonce, type StartOptions } from "./askonce.ts";
import { tempFolder } from "./folder.ts";
import type { Provider } from "./provider.ts";

const program = (name: string) => [process.execPath, "--no-env-file", join(root, "test/support", name)];

export interface Ran extends Exited {
  /** What the command was answered: status, cache status and text of each. */
  readonly answers: readonly { readonly status: number; readonly cache: string; readonly text: string }[];
  /** The closing lines, without their `askonce: `. */
  readonly told: readonly string[];
}

/** The environment of somebody whose OpenAI and Anthropic are a scripted provider. */
export function pointedAt({ url }: Provider): Readonly<Record<string, string>> {
  return { OPENAI_BASE_URL: `${url}/v1`, ANTHROPIC_BASE_URL: url };
}

/** Runs `askonce run FLAGS -- asking-child WORDS`. */
export async function runAsking(
  words: readonly string[],
  { flags = [], ...options }: StartOptions = {},
): Promise<Ran> {
  const data = options.data ?? join(tempFolder(), "data");
  const args = ["run", "--data", data, ...flags, "--", ...program("asking-child.ts"), ...words];
  const exited = await runAskonce(args, { ...options, data });
  return { ...exited, answers: answersIn(exited.stdout), told: toldIn(exited.stderr) };
}

function answersIn(stdout: string): Ran["answers"] {
  return [...stdout.matchAll(/^(\d{3}) (\S+) ([\s\S]*?)(?=^\d{3} [A-Za-z]+ |(?![\s\S]))/gm)].map(
    ([, status, cache = "", text = ""]) => ({ status: Number(status), cache, text: text.trimEnd() }),
  );
}

export function toldIn(stderr: string): readonly string[] {
  return [...stderr.matchAll(/^askonce: (.*)$/gm)].map(([, text]) => text ?? "");
}

/** Starts `askonce run -- waiting-child`; resolves once the command waits. */
export async function runWaiting(): Promise<{
  readonly askonce: Askonce;
  readonly pid: number;
  readonly child: number;
}> {
  const data = join(tempFolder(), "data");
  const askonce = new Askonce({ data }, ["run", "--data", data, "--", ...program("waiting-child.ts")]);
  await askonce.printed(({ stdout }) => /^ready \d+$/m.test(stdout));
  const child = Number(/^ready (\d+)$/m.exec(askonce.stdout)?.[1]);
  return { askonce, child, pid: parentOf(child) };
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
