/** Where events begin and end among the bytes of `text/event-stream`, for those of the usual form. */

const LF = 0x0a;
export const CR = 0x0d;

/** The offset behind the first blank line from `from` on; 0 where there is none. */
export function behindBlank(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(LF, from); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const end = blankAt(bytes, at + 1);
    if (end > 0) return end;
  }
  return 0;
}

/** The offset behind the last one. */
export function behindLastBlank(bytes: Uint8Array): number {
  let before = bytes.byteLength - 1;
  while (before >= 0) {
    const at = bytes.lastIndexOf(LF, before);
    if (at < 0) return 0;
    const end = blankAt(bytes, at + 1);
    if (end > 0) return end;
    before = at - 1;
  }
  return 0;
}

/** The offset behind a line end at `at`; 0 where there is none. */
function blankAt(bytes: Uint8Array, at: number): number {
  if (bytes[at] === LF) return at + 1;
  return bytes[at] === CR && bytes[at + 1] === LF ? at + 2 : 0;
}

/**
 * The last event of bytes that end with a blank line, and where its data begins: undefined where it is more than one
 * line of data with the event's name before it, at most.
 */
export function lastEvent(bytes: Uint8Array): { event: Uint8Array; json: number } | undefined {
  const blank = bytes[bytes.byteLength - 2] === CR ? 2 : 1;
  const event = bytes.subarray(behindLastBlank(bytes.subarray(0, bytes.byteLength - blank)));
  const name = begins(event, "event:") ? event.indexOf(LF) + 1 : 0;
  const end = event.indexOf(LF, name);
  if (!begins(event.subarray(name), "data:") || end + 1 + blank !== event.byteLength) return undefined;
  // A lone CR ends a line too.
  for (let at = event.indexOf(CR); at >= 0; at = event.indexOf(CR, at + 1)) {
    if (event[at + 1] !== LF) return undefined;
  }
  const value = name + "data:".length;
  return { event, json: event[value] === 0x20 ? value + 1 : value };
}

function begins(bytes: Uint8Array, with_: string): boolean {
  for (let i = 0; i < with_.length; i++) if (bytes[i] !== with_.charCodeAt(i)) return false;
  return true;
}

export function joined(before: Uint8Array, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(before.byteLength + bytes.byteLength);
  whole.set(before);
  whole.set(bytes, before.byteLength);
  return whole;
}
