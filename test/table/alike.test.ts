/** Events that say nothing new are passed over, and nothing is found otherwise than by parsing each. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LineWatcher } from "../../src/providers/lines.ts";
import type { Watcher } from "../../src/providers/provider.ts";
import { SseWatcher } from "../../src/providers/sse.ts";
import { type Kind, kinds } from "../support/alike-events.ts";
import { recorded, streams } from "../support/families.ts";
import { PlainEvents, PlainLines } from "../support/plain-watchers.ts";
import { bytes } from "../support/streams.ts";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom(
    "a",
    " word",
    "\n\n",
    '"',
    "\\",
    "é",
    "😀",
    "\u2028",
    "file_id",
    "data: x",
    "[DONE]",
    "\\u",
    "\t",
  ),
);

function watchers({ fold, lines }: Kind): { quick: Watcher; plain: Watcher } {
  return lines
    ? { quick: new LineWatcher(fold()), plain: new PlainLines(fold()) }
    : { quick: new SseWatcher(fold()), plain: new PlainEvents(fold()) };
}

/** Whether parsing each event up to `endsAt` of the last piece finds no end yet. */
function isOpenBefore(kind: Kind, pieces: readonly Uint8Array[], endsAt: number): boolean {
  const { plain } = watchers(kind);
  for (const one of pieces.slice(0, -1)) plain.chunk(one);
  plain.chunk((pieces.at(-1) as Uint8Array).subarray(0, endsAt));
  return !plain.ended;
}

/** Feeds both the same pieces, and compares what each says after each piece and at the end. */
function agree(kind: Kind, pieces: readonly Uint8Array[]): void {
  const { quick, plain } = watchers(kind);
  for (const [n, one] of pieces.entries()) {
    const used = one.slice();
    const { ended } = quick;
    quick.chunk(used);
    // The caller may use its buffer again.
    used.fill(0);
    plain.chunk(one);
    assert.deepEqual([quick.ended, quick.accountBound], [plain.ended, plain.accountBound]);
    const endsAt = quick.endsAt ?? 0;
    assert.ok(endsAt === 0 || isOpenBefore(kind, ended ? [one] : pieces.slice(0, n + 1), endsAt));
  }
  const expected = plain.finish();
  const found = quick.finish();
  // Errors that are no events are the watcher's own find.
  if (found.refusal === "error-event" && expected.refusal !== "error-event") return;
  assert.deepEqual(found, expected);
}

function cut(whole: Uint8Array, at: readonly number[]): Uint8Array[] {
  const ends = [...at.map((one) => one % (whole.byteLength + 1)), whole.byteLength].sort((a, b) => a - b);
  return ends.map((end, i) => whole.subarray(ends[i - 1] ?? 0, end));
}

for (const kind of kinds) {
  const said = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ text, n: fc.nat(3) }).map(({ text, n }) => kind.words(text, n)) },
      { weight: 1, arbitrary: fc.constantFrom(...kind.others) },
    ),
    { maxLength: 30 },
  );

  test(`${kind.name}: what is found of a stream is what parsing each event finds, wherever it is cut`, () => {
    fc.assert(
      fc.property(said, fc.array(fc.nat(4000), { maxLength: 30 }), (events, cuts) => {
        agree(kind, cut(bytes(events.join("")), cuts));
        agree(kind, events.map(bytes));
      }),
      { numRuns: 1500 },
    );
  });

  test(`${kind.name}: the same for bytes that were changed, put in or taken out`, () => {
    const change = fc.record({
      at: fc.nat(),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(...bytes('"\\{}[],:\r\n 0\x01'))),
      how: fc.constantFrom(0, 1, 2),
    });
    fc.assert(
      fc.property(
        fc.array(fc.record({ text, n: fc.nat(3) }), { minLength: 2, maxLength: 6 }),
        fc.array(change, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(1000), { maxLength: 5 }),
        (events, changes, cuts) => {
          const whole = [...bytes(events.map(({ text, n }) => kind.words(text, n)).join(""))];
          for (const { at, byte, how } of changes) {
            if (how === 0) whole[at % whole.length] = byte;
            else whole.splice(at % whole.length, how - 1, ...(how === 1 ? [byte] : []));
          }
          agree(kind, cut(new Uint8Array(whole), cuts));
        },
      ),
      { numRuns: 3000 },
    );
  });

  test(`${kind.name}: any change of one byte between two events is noticed`, () => {
    const [before, between, after] = [kind.words("one", 1), kind.words("two", 2), kind.words("six", 3)].map(
      bytes,
    );
    for (let at = 0; at < (between as Uint8Array).byteLength; at++) {
      for (const byte of [...bytes('"\\{}[],: 0x\n\r'), 0, 0x1f, 0x7f, 0xff]) {
        const changed = (between as Uint8Array).slice();
        changed[at] = byte;
        agree(kind, [before as Uint8Array, changed, after as Uint8Array]);
      }
    }
  });
}

test("recorded streams are found to be the same, cut in two at every byte", () => {
  const folds: Readonly<Record<string, string>> = {
    "anthropic-messages.sse": "messages",
    "azure-chat.sse": "chat",
    "cohere-v1-chat.ndjson": "cohere",
    "cohere-v2-chat.sse": "cohere",
    "deepseek-chat.sse": "chat",
    "mistral-chat.sse": "chat",
    "ollama-chat.ndjson": "ollama",
    "openai-chat.sse": "chat",
    "openai-chat-tools.sse": "chat",
    "openai-responses.sse": "responses",
    "openrouter-chat.sse": "chat",
  };
  for (const { file } of streams) {
    const kind = kinds.find(({ name }) => name === folds[file]);
    if (kind === undefined) continue;
    const whole = recorded(file);
    for (let at = 0; at <= whole.byteLength; at++) {
      agree({ ...kind, lines: file.endsWith(".ndjson") }, [whole.subarray(0, at), whole.subarray(at)]);
    }
  }
});

test("of a thousand events that say nothing new a handful are taken, one by one or many at a time", () => {
  for (const kind of kinds.filter(({ name }) => name !== "google")) {
    for (const size of [undefined, 1000, 37]) {
      let taken = 0;
      const fold = kind.fold();
      const counting = new Proxy(fold, {
        get(target, name) {
          if (name === "event") taken++;
          const member = Reflect.get(target, name, target);
          return typeof member === "function" ? member.bind(target) : member;
        },
      });
      const watcher = kind.lines ? new LineWatcher(counting) : new SseWatcher(counting);
      const events = Array.from({ length: 1000 }, (_, n) => bytes(kind.words(`word ${n}`, n)));
      const whole = new Uint8Array(events.flatMap((one) => [...one]));
      if (size === undefined) for (const one of events) watcher.chunk(one);
      else for (let at = 0; at < whole.byteLength; at += size) watcher.chunk(whole.subarray(at, at + size));
      // Lines that are cut are parsed, since they are gathered already.
      const most = kind.lines && size !== undefined ? 1000 : 12;
      assert.ok(taken <= most, `${kind.name} by ${size}: ${taken}`);
    }
  }
});

test("where the event that ends an answer begins is told, be the whole answer one chunk", () => {
  for (const kind of kinds) {
    const words = Array.from({ length: 5 }, (_, n) => kind.words(`word ${n}`, n)).join("");
    const end = kind.others.find((event) => {
      const { quick } = watchers(kind);
      quick.chunk(bytes(words + event));
      return quick.ended;
    });
    if (end === undefined) continue;
    const { quick } = watchers(kind);
    quick.chunk(bytes(words + end + kind.words("behind", 1)));
    assert.equal(quick.endsAt, bytes(words).byteLength, kind.name);
    quick.chunk(bytes(kind.words("more", 1)));
    assert.equal(quick.endsAt, 0);
  }
});
