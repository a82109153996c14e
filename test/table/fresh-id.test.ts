import assert from "node:assert/strict";
import { test } from "node:test";
import { FreshId } from "../../src/proxy/fresh-id.ts";
import { recorded, streams } from "../support/families.ts";

const decoder = new TextDecoder();
const bytes = (text: string) => new TextEncoder().encode(text);

async function inPieces(type: string, whole: Uint8Array, size: number): Promise<string> {
  const id = FreshId.of(type);
  assert.ok(id);
  let at = 0;
  const reader = id.reader({
    read: async () => {
      const piece = whole.slice(at, at + size);
      at += size;
      return piece.byteLength > 0 ? piece : undefined;
    },
    leave: () => {},
  });
  let text = "";
  for (let piece = await reader.read(); piece; piece = await reader.read())
    text += String.fromCharCode(...piece);
  return text;
}

/** An answer with its own id written OWN, whose other texts must all stay. */
const answers: readonly (readonly [title: string, type: string, text: string])[] = [
  [
    "llama.cpp's, its own id behind a tool call's",
    "application/json",
    '{"choices":[{"message":{"tool_calls":[{"id":"call_Ab12Cd34Ef","function":{"arguments":"{}"}}]}}],"id":"OWN"}',
  ],
  ["one behind a long text", "application/json", `{"text":"${"word ".repeat(8000)}","id" : "OWN"}`],
  [
    "an id that stands elsewhere, too",
    "application/json",
    '{"id":"OWN","created":1732480000,"said":"OWN","again":{"id":"OWN"},"choices":[{"text":"\\"id\\":\\"OWN\\" OWN"}]}',
  ],
  [
    "Gemini's",
    "application/json",
    '{"candidates":[{"content":{"parts":[{"functionCall":{"id":"fc_1234567"}}]}}],"responseId":"OWN"}',
  ],
  [
    "Gemini's list",
    "application/json",
    '[{"id":5,"responseId":"OWN"}\r\n,{"candidates":[{"id":"OWN"}],"responseId":"OWN"}\r\n]',
  ],
  [
    "Responses' events",
    "text/event-stream",
    'event: response.created\ndata: {"type":"response.created","response":{"id":"OWN","output":[]}}\n\n' +
      'data: {"type":"x","item":{"id":"msg_123456"},"item_id":"msg_123456"}\n\n' +
      'data: {"type":"response.completed","response":{"output":[{"id":"OWN"}],"id":"OWN"}}\n\n',
  ],
  [
    "Anthropic's events",
    "text/event-stream",
    'event: message_start\r\ndata: {"type":"message_start","message":{"id":"OWN","content":[]}}\r\n\r\n' +
      'data: {"type":"content_block_start","content_block":{"type":"tool_use","id":"toolu_123456"}}\r\n\r\n',
  ],
  [
    "chat's events between comments",
    "text/event-stream",
    '\ufeffdata: {"id":"","choices":[]}\n\n: {"id":"OWN", "\n\nid: OWN\ndata:{"id":"OWN","choices":[{"delta":{"content":"OWN"}}]}\n\ndata: [DONE]\n\n',
  ],
  [
    "Cohere's lines",
    "application/stream+json",
    '{"event_type":"stream-start","generation_id":"OWN"}\n{"text":"OWN"}\n{"response":{"generation_id":"OWN","response_id":"other-123"}}\n',
  ],
  ["no id", "application/json", '{"data":[{"id":"item_123456"}],"usage":{"id":"u_1234567"}}'],
  ["an id that is a number", "application/json", '{"id":1732480000,"created":1732480000}'],
];

for (const [title, type, written] of answers) {
  for (const old of ["chatcmpl-QxYz12345678", "1732480000"]) {
    test(`${title} (${old}): a hit has another id at its own places, and all else as it was`, async () => {
      // Where it is no id of the answer's own, OWN stands in a text, beside a known place or deeper.
      const text = written.replaceAll("OWN", old);
      const plain = String.fromCharCode(...bytes(text));
      const whole = String.fromCharCode(...(FreshId.of(type)?.replace(bytes(text)) ?? []));
      const ids = ownIds(whole);
      assert.deepEqual(ids.length, ownIds(plain).length);
      assert.equal(new Set(ids).size, Math.min(1, ids.length));
      const [fresh = old] = ids;
      if (ids.length > 0) assert.notEqual(fresh, old);
      assert.equal(restored(whole, { fresh, old }), plain);
      for (const size of [1, 3, 50]) {
        const said = await inPieces(type, bytes(text), size);
        assert.equal(restored(said, { fresh: ownIds(said)[0] ?? old, old }), plain);
      }
    });
  }
}

/** The ids at an answer's own places, found by parsing it. */
function ownIds(text: string): readonly string[] {
  return parsed(text).flatMap((value) => {
    const { message, response } = value;
    const places = [value, message, response].filter((place) => typeof place === "object" && place !== null);
    return places.flatMap((place) =>
      ["id", "responseId", "generation_id"]
        .map((name) => (place as Record<string, unknown>)[name])
        .filter((id): id is string => typeof id === "string" && id.length > 5),
    );
  });
}

function parsed(text: string): readonly Record<string, unknown>[] {
  const lines = text.split(/\r?\n/);
  if (/^data:/m.test(text))
    return lines
      .filter((line) => /^data: ?\{/.test(line.replace(/^\u00ef\u00bb\u00bf/, "")))
      .map((line) => JSON.parse(line.slice(line.indexOf("{"))));
  try {
    const value = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
  }
}

/** With the fresh id taken back; it must not have come to stand anywhere by chance. */
function restored(text: string, { fresh, old }: { fresh: string; old: string }): string {
  return text.replaceAll(`"${fresh}"`, `"${old}"`);
}

for (const { file, type } of streams) {
  test(`${file}: a replay with another id differs in nothing else, wherever it is split`, async () => {
    const whole = recorded(file);
    const plain = decoder.decode(whole);
    const renewed = decoder.decode(FreshId.of(type)?.replace(whole) ?? whole);
    assert.equal(renewed.length, plain.length);
    const [before] = ownIds(String.fromCharCode(...whole));
    const [after] = ownIds(String.fromCharCode(...bytes(renewed)));
    assert.equal(after === undefined ? renewed : renewed.replaceAll(after, before as string), plain);
    if (before !== undefined) assert.notEqual(after, before);
    const said = await inPieces(type, whole, 7);
    const [again] = ownIds(said);
    const bare = String.fromCharCode(...whole);
    assert.equal(again === undefined ? said : said.replaceAll(again, before as string), bare);
  });
}

test("where JSON goes on behind its line an event stream's ids stay", () => {
  const text = 'data: {"choices":[\ndata: {"id":"call_123456"}]}\n\ndata: {"id":"chatcmpl-123456"}\n\n';
  assert.equal(decoder.decode(FreshId.of("text/event-stream")?.replace(bytes(text))), text);
});

test("what is neither JSON nor events has no id to renew", () => {
  for (const type of ["", "text/plain", "audio/mpeg", "application/vnd.amazon.eventstream"])
    assert.equal(FreshId.of(type), undefined);
});
