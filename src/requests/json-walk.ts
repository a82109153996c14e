import { afterSpace, stringEnd } from "./json-spans.ts";

/** Names of members and indexes of elements from the top down. */
export type JsonPath = readonly (string | number)[];

/**
 * Calls `visit` for each string value (names of members are none) in the order of the text, in one pass: `start` and
 * `end` are offsets of its opening quote and after its closing one. `path` is only good during the call.
 */
export function walkStrings(
  text: Uint8Array,
  visit: (path: JsonPath, start: number, end: number) => void,
): void {
  const path: (string | number)[] = [];
  let isName = false;
  for (let at = afterSpace(text, 0); at < text.byteLength; ) {
    const byte = text[at] as number;
    if (byte === QUOTE) {
      const end = stringEnd(text, at);
      if (isName) path[path.length - 1] = stringIn(text, at, end);
      else visit(path, at, end);
      isName = false;
      at = end;
      continue;
    }
    if (byte === OPEN_OBJECT) {
      path.push("");
      isName = true;
    } else if (byte === OPEN_LIST) {
      path.push(0);
      isName = false;
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      path.pop();
      isName = false;
    } else if (byte === COMMA) {
      const last = path.at(-1);
      if (typeof last === "number") path[path.length - 1] = last + 1;
      isName = typeof last === "string";
    }
    at++;
  }
}

/** `messages[3].content`, as a path is told to people. */
export function pathText(path: JsonPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[\p{L}_$][\p{L}\p{N}_$-]*$/u.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** The text of a string with its quotes; "" for what is none. */
export function stringIn(text: Uint8Array, start: number, end: number): string {
  const quoted = DECODER.decode(text.subarray(start, end));
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return "";
  }
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
