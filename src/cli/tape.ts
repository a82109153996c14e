import { cassetteFile, readCassetteFile } from "../admin/cassette-folder.ts";
import { CommandError } from "../errors.ts";
import type { Host } from "../host.ts";

/** Cassettes between the API's lines and the disk. */

/** A name that ends as folders do, or one that is there and is one. */
export async function isFolder(
  { files, platform }: Host,
  { word, path }: { word: string; path: string },
): Promise<boolean> {
  if (word.endsWith("/") || (platform === "windows" && word.endsWith("\\"))) return true;
  return (await files.facts(path))?.folder === true;
}

/** The lines of a stream, each with its end. Throws where the stream is no UTF-8. */
export async function* linesIn(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let begun: string[] = [];
  for await (const chunk of chunks) {
    const [first = "", ...others] = decoder.decode(chunk, { stream: true }).split("\n");
    begun.push(first);
    for (const text of others) {
      yield `${begun.join("")}\n`;
      begun = [text];
    }
  }
  begun.push(decoder.decode());
  const last = begun.join("");
  if (last !== "") yield `${last}\n`;
}

/** How many entries could not be written, by reason, where `line` is the note that says so. */
export function noteOf(line: string): Readonly<Record<string, number>> | undefined {
  // A line holds up to a whole answer: only one that begins as a note is parsed.
  if (!line.startsWith('{"askonce":1,"skipped"')) return undefined;
  return JSON.parse(line).skipped;
}

/**
 * Writes one file an entry. A file that is as it should be is left alone, and files of entries that are no longer
 * there go; other files stay.
 */
export async function writeFolder(
  { files }: Host,
  { folder, lines }: { folder: string; lines: AsyncIterable<string> },
): Promise<void> {
  await files.makeFolder(folder);
  const encoder = new TextEncoder();
  const taken = new Map<string, number>();
  const written = new Set<string>();
  for await (const line of lines) {
    const file = cassetteFile(line);
    if (!file) continue;
    const times = (taken.get(file.name) ?? 0) + 1;
    taken.set(file.name, times);
    // The same request under two credentials.
    const name = times === 1 ? file.name : file.name.replace(/\.json$/, `-${times}.json`);
    written.add(name);
    const before = await files.readText(`${folder}/${name}`).catch(() => undefined);
    if (!holds(before, { ...file, name, line }))
      await files.replace(`${folder}/${name}`, [encoder.encode(file.text)]);
  }
  for (const name of await files.list(folder)) {
    if (!name.endsWith(".json") || written.has(name)) continue;
    if (isEntry(name, await files.readText(`${folder}/${name}`))) await files.remove(`${folder}/${name}`);
  }
}

/** Whether a file holds this line already, in whatever layout somebody gave it. */
function holds(before: string | undefined, file: { name: string; text: string; line: string }): boolean {
  if (before === undefined || before === file.text) return before !== undefined;
  try {
    return readCassetteFile(file.name, before).trimEnd() === file.line.trimEnd();
  } catch {
    return false;
  }
}

/** The entries of a folder as lines, and the names of their files. Throws CommandError, naming the file. */
export async function folderLines(
  { files }: Host,
  folder: string,
): Promise<{ readonly lines: AsyncIterable<Uint8Array>; readonly files: readonly string[] }> {
  const names = (await files.list(folder)).filter((name) => name.endsWith(".json"));
  if (names.length === 0) throw new CommandError(`${folder} holds no entries (files that end in .json)`);
  const read = async (name: string) => {
    const text = await files.readText(`${folder}/${name}`);
    try {
      return readCassetteFile(name, text);
    } catch (error) {
      throw new CommandError(error instanceof Error ? error.message : String(error));
    }
  };
  for (const name of names) await read(name);
  async function* lines(): AsyncGenerator<Uint8Array> {
    const encoder = new TextEncoder();
    for (const name of names) yield encoder.encode(`${(await read(name)).trimEnd()}\n`);
  }
  return { lines: lines(), files: names };
}

/** Whether a file is one that an export wrote: what else somebody keeps in the folder is theirs. */
function isEntry(name: string, text: string): boolean {
  try {
    return /^\{"askonce":\d+,"request":/.test(readCassetteFile(name, text));
  } catch {
    return false;
  }
}
