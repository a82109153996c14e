import { namingFile } from "../admin/cassette-folder.ts";
import type { App } from "../compose.ts";
import { CassetteError, CommandError } from "../errors.ts";
import type { Host } from "../host.ts";
import { absolute, spokenCode } from "./folders.ts";
import { folderLines, isFolder, writeFolder } from "./tape.ts";

/** A cassette as somebody named it: a file, or a folder with one file an entry. */
export interface Cassette {
  readonly word: string;
  readonly path: string;
  readonly folder: boolean;
  readonly exists: boolean;
}

export async function cassetteAt(host: Host, word: string): Promise<Cassette> {
  const path = absolute(host, word);
  const facts = await host.files.facts(path).catch((error) => {
    throw new CommandError(`${word} cannot be read (${spokenCode(error)})`);
  });
  return { word, path, folder: await isFolder(host, { word, path }), exists: facts !== undefined };
}

/** Takes it in, whole. Throws CommandError, which names the line or the file that is wrong. */
export async function load(
  host: Host,
  { recorder }: Pick<App, "recorder">,
  cassette: Cassette,
): Promise<void> {
  if (!cassette.exists) return;
  const { word, path, folder } = cassette;
  const source = folder
    ? await linesOfFolder(host, path)
    : { lines: host.files.read(path), files: undefined };
  try {
    await recorder.load(source.lines);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (!(error instanceof CassetteError))
      throw new CommandError(`${word} cannot be read (${spokenCode(error)})`);
    throw new CommandError(
      source.files === undefined ? `${word}: ${error.message}` : namingFile(error.message, source.files),
    );
  }
}

async function linesOfFolder(host: Host, path: string) {
  const names = await host.files.list(path);
  const none = !names.some((name) => name.endsWith(".json"));
  return none ? { lines: nothing(), files: undefined } : await folderLines(host, path);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Puts it in place by renaming. Throws CommandError. */
export async function save(
  host: Host,
  { word, path, folder }: Cassette,
  lines: AsyncIterable<string>,
): Promise<void> {
  try {
    if (folder) await writeFolder(host, { folder: path, lines });
    else {
      await host.files.makeFolder(path.slice(0, Math.max(1, path.lastIndexOf("/"))));
      await host.files.replace(path, encoded(lines));
    }
  } catch (error) {
    throw new CommandError(`${word} cannot be written, and is as it was (${spokenCode(error)})`);
  }
}

async function* encoded(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const line of lines) yield encoder.encode(line);
}
