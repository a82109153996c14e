import { afterSpace, stringEnd } from "./json-spans.ts";

/**
 * A JSON text without white space between its tokens and with the fewest escapes in its strings; numbers stay as they
 * were written. Its canonical form is that of `text`, which must be valid JSON in UTF-8; of any other it makes some
 * text, and ends.
 */
export function compactJson(text: Uint8Array): Uint8Array {
  const out = new Uint8Array(text.byteLength);
  let length = 0;
  let at = afterSpace(text, 0);
  while (at < text.byteLength) {
    let end = at + 1;
    if (text[at] === QUOTE) {
      end = stringEnd(text, at);
      const bytes = shortest(text.subarray(at, end));
      out.set(bytes, length);
      length += bytes.byteLength;
    } else {
      out[length++] = text[at] as number;
    }
    at = afterSpace(text, end);
  }
  return out.subarray(0, length);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const LOWER_U = 0x75;

/** Only `\u…` and `\/` can be written shorter. */
function shortest(string: Uint8Array): Uint8Array {
  for (let at = string.indexOf(BACKSLASH); at >= 0; at = string.indexOf(BACKSLASH, at + 2)) {
    const escaped = string[at + 1];
    if (escaped !== LOWER_U && escaped !== SLASH) continue;
    try {
      const bytes = ENCODER.encode(JSON.stringify(JSON.parse(DECODER.decode(string))));
      return bytes.byteLength <= string.byteLength ? bytes : string;
    } catch {
      return string;
    }
  }
  return string;
}

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
