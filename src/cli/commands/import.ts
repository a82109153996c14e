import { namingFile } from "../../admin/cassette-folder.ts";
import { CommandError } from "../../errors.ts";
import { refuseError } from "../answers.ts";
import { type Command, type Context, jsonFlag, option } from "../command.ts";
import { line } from "../display.ts";
import { absolute, spokenCode } from "../folders.ts";
import { count, plural } from "../readable.ts";
import { folderLines, isFolder } from "../tape.ts";

export const importCommand: Command = {
  name: "import",
  operands: "FILE|FOLDER/",
  words: { least: 1, most: 1 },
  summary: "take the answers of a cassette in, all of them or none",
  notes: "They never expire. What stands under the same keys is replaced. - is standard input.",
  flags: [
    { name: "--credential", value: "LABEL", help: "into this credential's pool, under scope credential" },
    jsonFlag,
  ],
  settings: "place",
  examples: [
    ["askonce import answers.ndjson", "a cassette in one file"],
    ["askonce import fixtures/llm/", "one in a folder"],
    ["gunzip -c answers.ndjson.gz | askonce import -", "from standard input"],
  ],
  async run(context) {
    const { host, screen, given } = context;
    const word = given.words[0]!;
    const path = absolute(host, word);
    const progress = screen.progress("importing");
    const source = await sourceOf(context, { word, path, each: (done, total) => progress.to(done, total) });
    try {
      const api = await context.connect({ writes: true });
      const query = { credential: option(context, "--credential") };
      const answer = await api.request("POST", "/import", { query, lines: source.chunks }).catch((error) => {
        throw source.fault() ?? error;
      });
      if (source.fault()) throw source.fault();
      await refuseError(answer).catch((error) => {
        throw named(error, { word, files: source.files });
      });
      const done = (await answer.json()) as { imported: number; replaced: number };
      progress.done();
      const replaced = done.replaced > 0 ? `, ${count(done.replaced)} in place of others` : "";
      if (screen.json) await screen.document(done);
      else await screen.out(`imported ${plural(done.imported, "entry", "entries")}${replaced}\n`);
      return 0;
    } finally {
      progress.done();
    }
  },
};

interface Source {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Names of the files that lines came from, in the order of the lines; of a folder only. */
  readonly files: readonly string[] | undefined;
  /** What kept the rest from being read. */
  fault(): CommandError | undefined;
}

async function sourceOf(
  { host }: Context,
  { word, path, each }: { word: string; path: string; each: (done: number, total?: number) => void },
): Promise<Source> {
  let fault: CommandError | undefined;
  const cannot = (error: unknown) => {
    if (error instanceof CommandError) return error;
    return new CommandError(`${word} cannot be read (${spokenCode(error)})`);
  };
  async function* watched(chunks: AsyncIterable<Uint8Array>, total?: number): AsyncGenerator<Uint8Array> {
    let done = 0;
    try {
      for await (const chunk of chunks) {
        done += chunk.byteLength;
        each(done, total);
        yield chunk;
      }
    } catch (error) {
      fault = cannot(error);
      throw fault;
    }
  }
  if (word === "-") return { chunks: watched(host.stdin()), files: undefined, fault: () => fault };
  const facts = await host.files.facts(path).catch((error) => {
    throw cannot(error);
  });
  if (!facts) throw new CommandError(`${word} cannot be read (${spokenCode({ code: "ENOENT" })})`);
  if (!(await isFolder(host, { word, path }))) {
    return { chunks: watched(host.files.read(path), facts.bytes), files: undefined, fault: () => fault };
  }
  // All files are read before anything is sent: a broken one is named, and nothing has happened.
  const { lines, files } = await folderLines(host, path).catch((error) => {
    throw cannot(error);
  });
  return { chunks: watched(lines), files, fault: () => fault };
}

/** The API names lines; a person has a file in hand. */
function named(
  error: unknown,
  { word, files }: { word: string; files: readonly string[] | undefined },
): unknown {
  if (!(error instanceof CommandError)) return error;
  if (!files) return new CommandError(`${line(word)}: ${error.message}`);
  const folder = word.replace(/[/\\]$/, "");
  return new CommandError(
    namingFile(
      error.message,
      files.map((name) => `${folder}/${name}`),
    ),
  );
}
