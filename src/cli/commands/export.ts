import { CommandError } from "../../errors.ts";
import { refuseError } from "../answers.ts";
import { type Command, type Context, filterFlags, jsonFlag, option } from "../command.ts";
import { line } from "../display.ts";
import { absolute, spokenCode } from "../folders.ts";
import { bytes, plural } from "../readable.ts";
import { isFolder, linesIn, noteOf, writeFolder } from "../tape.ts";

export const exportCommand: Command = {
  name: "export",
  operands: "[FILE|FOLDER/]",
  words: { least: 0, most: 1 },
  summary: "write stored answers as a cassette, to keep or to share",
  notes:
    "A cassette is readable, free of credentials, and made to be kept in git: NDJSON in one FILE (or on stdout), or in a FOLDER/ with one pretty file an entry, which then holds these entries and no others.",
  flags: [
    ...filterFlags,
    {
      name: "--redact",
      value: "PATH",
      help: "mask this field, such as request.messages[*].content; repeatable",
    },
    { name: "--times", help: "with the times at which the chunks of streams came" },
    jsonFlag,
  ],
  settings: "place",
  examples: [
    ["askonce export answers.ndjson", "everything, in one file"],
    ["askonce export --namespace tests fixtures/llm/", "one namespace, a file an entry"],
    [
      "askonce export --redact 'response.**.content' | gzip > answers.ndjson.gz",
      "on stdout, some of it masked",
    ],
  ],
  async run(context) {
    const { host, screen, given } = context;
    const [word = "-"] = given.words;
    if (word === "-" && screen.json)
      throw new CommandError("with --json say where the cassette goes: askonce export FILE --json");
    const api = await context.connect();
    const answer = await api.request("GET", "/export", { query: queryOf(context) });
    await refuseError(answer);
    const target = word === "-" ? "-" : absolute(host, word);
    const progress = screen.progress("exporting");
    const told: Told = { entries: 0, bytes: 0, skipped: {} };
    try {
      const lines = counted(linesIn(answer.body ?? []), told, () => progress.to(told.entries));
      if (word === "-") for await (const text of lines) await screen.out(text);
      else if (await isFolder(host, { word, path: target }))
        await writeFolder(host, { folder: target, lines });
      else await host.files.replace(target, encoded(lines));
    } catch (error) {
      throw worded(error, word);
    } finally {
      progress.done();
    }
    await report(context, told, { word, target });
    return 0;
  },
};

interface Told {
  entries: number;
  bytes: number;
  skipped: Readonly<Record<string, number>>;
}

function queryOf(context: Context): Readonly<Record<string, string | undefined>> {
  const redact = context.given.options.get("--redact");
  return {
    provider: option(context, "--provider"),
    model: option(context, "--model"),
    namespace: option(context, "--namespace"),
    redact: redact?.join(","),
    times: option(context, "--times") === undefined ? undefined : "true",
  };
}

async function* counted(lines: AsyncIterable<string>, told: Told, each: () => void): AsyncGenerator<string> {
  for await (const text of lines) {
    const note = noteOf(text);
    if (note) told.skipped = note;
    else told.entries += 1;
    told.bytes += text.length;
    each();
    yield text;
  }
}

async function* encoded(lines: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for await (const text of lines) yield encoder.encode(text);
}

/** On stdout the cassette stands alone: what is said of it goes to stderr. */
async function report(
  { screen }: Context,
  { entries, bytes: size, skipped }: Told,
  { word, target }: { word: string; target: string },
): Promise<void> {
  if (screen.json) await screen.document({ exported: entries, skipped, file: target });
  else if (word !== "-") {
    await screen.out(`exported ${plural(entries, "entry", "entries")} (${bytes(size)}) to ${line(word)}\n`);
  }
  for (const [reason, times] of Object.entries(skipped)) {
    screen.say(`${plural(times, "entry was", "entries were")} left out: ${line(reason)}`);
  }
}

function worded(error: unknown, word: string): unknown {
  const code = (error as { code?: string }).code;
  // The system's own codes; anything else says itself what is wrong.
  if (code === undefined || !/^E[A-Z]+$/.test(code) || code === "EPIPE") return error;
  return new CommandError(`${word} cannot be written (${spokenCode(error)})`);
}
