import { UsageError } from "../errors.ts";

/** A request as a curl command line describes it. */
export interface CurlRequest {
  readonly method: string;
  /** As given: with or without scheme. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Flags that say something of the request; those with a value that say nothing of it; the rest takes none. */
const BODY = new Set(["-d", "--data", "--data-raw", "--data-ascii", "--data-binary", "--json"]);
const VALUED = new Set(
  (
    "-o --output -u --user -A --user-agent -e --referer -b --cookie -c --cookie-jar -m --max-time -x --proxy -w " +
    "--write-out --connect-timeout --retry --retry-delay --retry-max-time --cacert --cert --key --resolve -D " +
    "--dump-header --limit-rate --oauth2-bearer --interface -K --config --max-redirs --trace --trace-ascii -y -Y"
  ).split(" "),
);
/** One-letter flags that take a value, which may stand at once behind them. */
const VALUED_LETTERS = "XHdouAebcmxwDKyYFT";

/**
 * Reads the words behind `curl`. `read` is asked for the text of files named by `@`, "-" for standard input.
 * Throws UsageError for what it does not understand.
 */
export async function readCurl(
  words: readonly string[],
  read: (path: string) => Promise<string>,
): Promise<CurlRequest> {
  const left = words[0] === "curl" ? words.slice(1) : [...words];
  let method: string | undefined;
  let url: string | undefined;
  let get = false;
  const headers: Record<string, string> = {};
  const data: string[] = [];
  while (left.length > 0) {
    const { flag, inline, get: asked } = split(left.shift()!);
    get ||= asked;
    const value = () => {
      const found = inline ?? left.shift();
      if (found === undefined) throw new UsageError(`curl's ${flag} has no value`);
      return found;
    };
    if (flag === "-X" || flag === "--request") method = value();
    else if (flag === "-H" || flag === "--header") addHeader(headers, value());
    else if (BODY.has(flag)) {
      data.push(await dataOf(value(), { flag, read }));
      if (flag === "--json") setDefault(headers, "content-type", "application/json");
    } else if (flag === "--url") url = value();
    else if (/^(-F|--form|--form-string|-T|--upload-file|--data-urlencode)$/.test(flag)) {
      throw new UsageError(
        `curl's ${flag} is not understood here: describe the request as JSON (explain --help)`,
      );
    } else if (VALUED.has(flag)) value();
    else if (!flag.startsWith("-") || flag === "-") url ??= flag;
  }
  if (url === undefined) throw new UsageError("the curl command line has no URL");
  const body = data.join("&");
  if (get && body !== "")
    return {
      method: method ?? "GET",
      url: `${url}${url.includes("?") ? "&" : "?"}${body}`,
      headers,
      body: "",
    };
  if (data.length > 0) setDefault(headers, "content-type", "application/x-www-form-urlencoded");
  return { method: method ?? (data.length > 0 ? "POST" : "GET"), url, headers, body };
}

/** One flag or URL; of one-letter flags in a bundle (`-sSX POST`) the one that takes a value, or the last. */
function split(word: string): {
  readonly flag: string;
  readonly inline: string | undefined;
  readonly get: boolean;
} {
  const long = /^(--[a-z0-9-]+)=(.*)$/s.exec(word);
  if (long) return { flag: long[1]!, inline: long[2]!, get: false };
  if (!/^-[a-zA-Z#]/.test(word)) return { flag: word, inline: undefined, get: word === "--get" };
  const at = [...word].findIndex((letter, index) => index > 0 && VALUED_LETTERS.includes(letter));
  const before = at < 0 ? word : word.slice(0, at);
  const inline = at < 0 || at + 1 === word.length ? undefined : word.slice(at + 1);
  return { flag: `-${word[at < 0 ? word.length - 1 : at]}`, inline, get: before.includes("G") };
}

function addHeader(headers: Record<string, string>, text: string): void {
  const colon = text.indexOf(":");
  if (colon <= 0) return;
  const name = text.slice(0, colon).trim().toLowerCase();
  const value = text.slice(colon + 1).trim();
  if (value !== "") headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
}

function setDefault(headers: Record<string, string>, name: string, value: string): void {
  headers[name] ??= value;
}

async function dataOf(
  value: string,
  { flag, read }: { flag: string; read: (path: string) => Promise<string> },
): Promise<string> {
  if (flag === "--data-raw" || !value.startsWith("@")) return value;
  const text = await read(value.slice(1));
  // As curl does: line ends of a file go, but for --data-binary and --json.
  return flag === "--data-binary" || flag === "--json" ? text : text.replace(/[\r\n]/g, "");
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  "0": "\0",
  a: "\x07",
  b: "\b",
};

/** The words of a command line as a POSIX shell splits it, without expansions. Throws UsageError for an open quote. */
export function shellWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  const rest =
    /\\\r?\n|\s+|'([^']*)'|\$'((?:[^'\\]|\\[\s\S])*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\$]+|\$)/y;
  while (rest.lastIndex < text.length) {
    const at = rest.lastIndex;
    const found = rest.exec(text);
    if (!found)
      throw new UsageError(`the command line has a quote that does not end: ${text.slice(at, at + 40)}`);
    const [whole, single, dollar, double, escaped, plain] = found;
    if (/^\\\r?\n$/.test(whole)) continue;
    if (/^\s/.test(whole)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word =
      (word ?? "") +
      (single ??
        (dollar === undefined ? undefined : ansi(dollar)) ??
        doubled(double) ??
        escaped ??
        plain ??
        "");
  }
  return word === undefined ? words : [...words, word];
}

function doubled(text: string | undefined): string | undefined {
  return text?.replace(/\\(\r?\n)/g, "").replace(/\\(["\\$`])/g, "$1");
}

function ansi(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{1,4}|x[0-9a-fA-F]{1,2}|[\s\S])/g, (_, code: string) => {
    if (/^[ux]./.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return ESCAPES[code] ?? code;
  });
}
