/** Compares what a page shows with what came. What is another each time stands in one table; all else is exact. */
interface Varying {
  readonly what: string;
  /** How a page writes it, as an example … */
  readonly shown: RegExp;
  /** … and what may have come instead. */
  readonly came: string;
}

const TIME = String.raw`(?:<?\d[\d,.]* ?(?:ns|µs|ms|s|min|m|h|d)\b ?)+`;

/** Earlier rows count first. */
const varying: readonly Varying[] = [
  { what: "anything within a line, left out by the page", shown: /…/, came: "[^\\n]*" },
  {
    what: "the log's time",
    shown: /\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]/,
    came: String.raw`\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`,
  },
  {
    what: "a date with its time",
    shown: /\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?/,
    came: String.raw`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?`,
  },
  { what: "a time of the day", shown: /\b\d\d:\d\d:\d\d\b/, came: String.raw`\d\d:\d\d:\d\d` },
  { what: "a key or its beginning", shown: /\b[0-9a-f]{12,64}\b/, came: "[0-9a-f]{12,64}" },
  { what: "an entry's age", shown: /\bAge: \d+/, came: String.raw`Age: \d+` },
  { what: "the seconds that it stays fresh", shown: /\bttl=\d+/, came: String.raw`ttl=-?\d+` },
  {
    what: "that an answer is stored, which is told where its commit is quick",
    shown: /; stored/,
    came: "(?:; stored)?",
  },
  { what: "a process", shown: /\bpid \d+/, came: String.raw`pid \d+` },
  {
    what: "version, runtime and platform",
    shown: /\baskonce \d+\.\d+\.\d+ \([^)]*\)/,
    came: String.raw`askonce \d+\.\d+\.\d+ \([^)]*\)`,
  },
  { what: "curl's version", shown: /curl\/[\d.]+/, came: String.raw`curl/[\d.]+` },
  {
    what: "a size",
    shown: /\b\d+(?:\.\d+)? (?:B|KiB|MiB|GiB)/,
    came: String.raw`\d+(?:\.\d+)? (?:B|KiB|MiB|GiB|TiB)`,
  },
  { what: "a duration", shown: new RegExp(TIME), came: TIME },
  { what: "white space that lines columns up", shown: / {2,}/, came: " +" },
];

const places = new RegExp(varying.map(({ shown }) => `(${shown.source})`).join("|"), "g");

/** A pattern of the whole output. A line with nothing but `…` stands for any number of lines. */
function patternOf(shown: string): RegExp {
  const lines = shown.split("\n").map((line) => {
    if (line.trim() === "…") return String.raw`(?:[^\n]*\n)*?`;
    let pattern = "";
    let at = 0;
    for (const match of line.matchAll(places)) {
      const row = match.slice(1).findIndex((group) => group !== undefined);
      pattern += RegExp.escape(line.slice(at, match.index)) + varying[row]!.came;
      at = match.index + match[0].length;
    }
    return `${pattern}${RegExp.escape(line.slice(at))} *\\n`;
  });
  return new RegExp(`^${lines.join("")}$`);
}

/** Undefined where the output is what the page shows; else both, to be read. */
export function difference(shown: string, came: string): string | undefined {
  const plain = `${came.replaceAll("\r", "").trimEnd()}\n`.replace(/^\n$/, "");
  const expected = shown.trimEnd();
  if (expected === "" ? plain === "" : patternOf(expected).test(plain)) return undefined;
  return `the page shows:\n${expected}\nbut this came:\n${plain}`;
}
