/** Text for a terminal: nothing in it can move the cursor or ring the bell, and its width in columns is known. */

const CONTROL =
  /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;

/** One line: white space runs become one space, control and direction characters are spelled out. */
export function line(text: string): string {
  return escaped(text.replace(/\s+/g, " ")).trim();
}

/** The same for several lines, which stay lines. */
export function lines(text: string): string {
  return text
    .replaceAll("\t", "  ")
    .split(/\r?\n/)
    .map((part) => escaped(part))
    .join("\n");
}

function escaped(text: string): string {
  return text.replace(CONTROL, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
/** What Unicode calls wide or full-width (UAX #11), and what is shown as a picture. */
const WIDE =
  /^(?:\p{Emoji_Presentation}|.\ufe0f|[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}])/u;
const NARROW = /^[\x20-\x7e]*$/;

/** Columns that a text without control characters takes. */
export function columnsOf(text: string): number {
  if (NARROW.test(text)) return text.length;
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += widthOf(segment);
  return columns;
}

function widthOf(grapheme: string): number {
  if (WIDE.test(grapheme)) return 2;
  return /^[\p{Mn}\p{Me}]/u.test(grapheme) ? 0 : 1;
}

/** The text, cut with an ellipsis where it is wider than `columns`. */
export function fitted(text: string, columns: number): string {
  if (NARROW.test(text) ? text.length <= columns : columnsOf(text) <= columns) return text;
  let taken = "";
  let left = columns - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= widthOf(segment);
    if (left < 0) break;
    taken += segment;
  }
  return `${taken.trimEnd()}…`;
}

/** Padded to exactly `columns`, cut where needed. */
export function padded(text: string, columns: number, align: "left" | "right" = "left"): string {
  const whole = fitted(text, columns);
  const space = " ".repeat(Math.max(0, columns - columnsOf(whole)));
  return align === "left" ? whole + space : space + whole;
}

/** Broken into lines of at most `columns` at white space; a longer word stands alone, and is cut. */
export function wrapped(text: string, columns: number): readonly string[] {
  const found: string[] = [];
  let current = "";
  for (const word of text.split(" ")) {
    const longer = current === "" ? word : `${current} ${word}`;
    if (columnsOf(longer) <= columns || current === "") current = longer;
    else {
      found.push(current);
      current = word;
    }
  }
  return [...found, current].map((part) => fitted(part, columns));
}

/** All of the text, in lines of at most `columns`, broken wherever one is full. */
export function folded(text: string, columns: number): readonly string[] {
  const found = [""];
  let left = columns;
  for (const { segment } of graphemes.segment(text)) {
    left -= widthOf(segment);
    if (left < 0) {
      found.push("");
      left = columns - widthOf(segment);
    }
    found[found.length - 1] += segment;
  }
  return found;
}
