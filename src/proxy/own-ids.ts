const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;
const DATA = [0x64, 0x61, 0x74, 0x61, COLON];

/** Longer texts are no ids, and longer names none of theirs. */
const LONGEST_ID = 128;
const LONGEST_NAME = 16;

/** What families call an answer's id, and the members in which a stream's events hold the answer. */
const IDS = new Set(["id", "responseId", "response_id", "generation_id"]);
const ANSWERS = new Set(["message", "response"]);

/**
 * Finds where an answer may say its own id: a text that is a member of a document's, a line's or an event's top level,
 * of each element of a list, or of the answer in an event. Ids of tool calls and items lie deeper.
 */
export class OwnIds {
  readonly #events: boolean;
  /** Containers open around the present byte; true for an object. */
  readonly #open: boolean[] = [];
  /** The last names read in the two uppermost objects. */
  readonly #names: [string, string] = ["", ""];
  #inString = false;
  #escaped = false;
  /** Whether the next text in an object is a name. */
  #named = false;
  /** What the present text is: a name of which object, or what may be an id; undefined for anything else. */
  #string: 0 | 1 | "id" | undefined;
  /** Of an event stream: how much of `data:` the line has shown, or that it is another's. */
  #line: number | "other" = 0;
  /** Whether JSON went on behind its line: from there on nothing is told. */
  #lost = false;

  constructor(form: "events" | "json") {
    this.#events = form === "events";
  }

  /**
   * Calls `found` with the bounds of each such text. Answers the offset of one that is not all there, which is to come
   * again as the beginning of the next piece; else the piece's length.
   */
  find(bytes: Uint8Array, found: (start: number, end: number) => void): number {
    let start = 0;
    for (let at = 0; at < bytes.byteLength && !this.#lost; at++) {
      const byte = bytes[at] as number;
      if (this.#events && !this.#inData(byte)) continue;
      if (!this.#inString) {
        this.#step(byte);
        start = at + 1;
      } else if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte !== QUOTE) this.#spell(byte);
      else {
        if (this.#string === "id") found(start, at);
        this.#inString = false;
      }
    }
    const waits = this.#inString && this.#string === "id" && !this.#lost;
    if (waits && bytes.byteLength - start <= LONGEST_ID) {
      this.#escaped = false;
      return start;
    }
    if (waits) this.#string = undefined;
    return bytes.byteLength;
  }

  /** Whether a byte of an event stream belongs to the JSON of an event, of which each has its line. */
  #inData(byte: number): boolean {
    if (byte === LF || byte === CR) {
      this.#lost = this.#inString || this.#open.length > 0;
      this.#line = 0;
      return false;
    }
    if (this.#line === DATA.length) return true;
    // A byte order mark may stand before the first line.
    if (this.#line === "other" || (this.#line === 0 && byte >= 0x80)) return false;
    this.#line = byte === DATA[this.#line] ? this.#line + 1 : "other";
    return false;
  }

  #step(byte: number): void {
    switch (byte) {
      case QUOTE:
        this.#begin();
        break;
      case 0x7b:
      case 0x5b:
        this.#open.push(byte === 0x7b);
        this.#named = byte === 0x7b;
        break;
      case 0x7d:
      case 0x5d:
        this.#open.pop();
        this.#named = false;
        break;
      case COMMA:
        this.#named = this.#open.at(-1) === true;
        break;
      case COLON:
        this.#named = false;
        break;
    }
  }

  #begin(): void {
    this.#inString = true;
    this.#string = undefined;
    const level = this.#level();
    if (level === undefined) return;
    const [outer, inner] = this.#names;
    if (this.#named) {
      this.#names[level] = "";
      this.#string = level;
    } else if (level === 0 ? IDS.has(outer) : ANSWERS.has(outer) && IDS.has(inner)) this.#string = "id";
  }

  /** Which of the two uppermost objects the present byte lies in by itself. */
  #level(): 0 | 1 | undefined {
    const open = this.#open;
    const root = open[0] === false ? 1 : 0;
    const level = open.length - root - 1;
    if (level !== 0 && level !== 1) return undefined;
    return open[root] === true && open.at(-1) === true ? level : undefined;
  }

  #spell(byte: number): void {
    const of = this.#string;
    if ((of === 0 || of === 1) && this.#names[of].length <= LONGEST_NAME)
      this.#names[of] += String.fromCharCode(byte);
  }
}
