import assert from "node:assert/strict";
import { test } from "node:test";
import { type RecordedStream, recorded, streams, watched } from "../support/families.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (stream: RecordedStream) => new TextDecoder().decode(recorded(stream.file));
const isSse = (stream: RecordedStream) => stream.type === "text/event-stream";

/** Bytes up to which a cut stream can't be known to be whole. */
function proofEnd(stream: RecordedStream): number {
  const all = text(stream);
  // Line breaks after the marker belong to it no more; without a marker the last blank line is all the proof.
  if (stream.proof === undefined) return bytes(all).byteLength;
  return bytes(all.slice(0, all.lastIndexOf(stream.proof) + stream.proof.length)).byteLength;
}

for (const stream of streams) {
  const marked = stream.marked !== false;

  test(`${stream.file} is whole, and its model and usage are read`, () => {
    const found = watched(stream, [recorded(stream.file)]);
    assert.equal(found.refusal, undefined);
    assert.equal(found.ended, marked);
    assert.equal(found.model, stream.model);
    assert.deepEqual(found.usage, stream.usage);
    assert.equal(found.accountBound, false);
  });

  test(`${stream.file} cut at any byte before its proof is refused, and whole from there on`, () => {
    const whole = recorded(stream.file);
    const end = proofEnd(stream);
    for (let cut = 0; cut <= whole.byteLength; cut++) {
      const { refusal, ended } = watched(stream, [whole.subarray(0, cut)]);
      if (cut < end) {
        assert.notEqual(refusal, undefined, `kept after ${cut} of ${whole.byteLength} bytes`);
        assert.equal(ended, false, `ended after ${cut} bytes`);
        continue;
      }
      // OpenRouter sends `data: [DONE]` after Anthropic's marker: half of that line is damage.
      const tail = new TextDecoder().decode(whole.subarray(end, cut));
      if (tail.trim() !== "" && !tail.endsWith("\n")) continue;
      assert.equal(refusal, undefined, `refused after ${cut} of ${whole.byteLength} bytes`);
    }
  });

  test(`${stream.file} amounts to the same wherever the network splits it`, () => {
    const whole = recorded(stream.file);
    const expected = watched(stream, [whole]);
    for (let at = 1; at < whole.byteLength; at++) {
      assert.deepEqual(
        watched(stream, [whole.subarray(0, at), whole.subarray(at)]),
        expected,
        `split at ${at}`,
      );
    }
    assert.deepEqual(
      watched(
        stream,
        Array.from(whole, (byte) => Uint8Array.of(byte)),
      ),
      expected,
    );
  });

  test(`${stream.file} with an error anywhere is refused`, () => {
    for (const broken of withErrors(stream)) {
      assert.equal(watched(stream, [bytes(broken)]).refusal, "error-event", broken.slice(0, 300));
    }
  });

  if (isSse(stream)) {
    test(`${stream.file} amounts to the same with other line ends, comments and data over several lines`, () => {
      const plain = text(stream).replaceAll("\r\n", "\n");
      const expected = watched(stream, [recorded(stream.file)]);
      const others = [
        plain,
        plain.replaceAll("\n", "\r\n"),
        `\uFEFF${plain}`,
        plain.replaceAll("\n\n", "\n\n: ping\n\n"),
        plain.replaceAll(/^data: ?(.*)\}$/gm, "data: $1\ndata: }"),
        plain.replaceAll(/^data: ?/gm, "data:"),
        plain.replaceAll(/^data:/gm, "id: 7\nretry: 100\ndata:"),
      ];
      for (const other of others)
        assert.deepEqual(watched(stream, [bytes(other)]), expected, other.slice(0, 200));
    });
  }
}

/** The stream with its family's errors after each event, and one in place of its end. */
function* withErrors(stream: RecordedStream): Generator<string> {
  const plain = text(stream);
  if (stream.file.endsWith(".json")) {
    yield plain.replace(/\]$/, ',{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}]');
    yield '[{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}]';
    return;
  }
  const separator = isSse(stream) ? (plain.includes("\r\n") ? "\r\n\r\n" : "\n\n") : "\n";
  const events = plain.split(separator).filter((event) => event !== "");
  const errors = isSse(stream)
    ? [
        'data: {"error":{"message":"overloaded","type":"server_error","code":null}}',
        'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        'event: error\ndata: {"code":"server_error","message":"no","param":null}',
        'data: {"error":"text"}',
        '{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}',
        '{\n  "error": {\n    "code": 503,\n    "message": "overloaded"\n  }\n}',
        'error: {"code":500,"message":"slot unavailable"}',
      ]
    : ['{"error":"llama runner process no longer running"}'];
  for (let after = 0; after <= events.length; after++) {
    for (const error of errors)
      yield [...events.slice(0, after), error, ...events.slice(after), ""].join(separator);
  }
  yield [...events.slice(0, -1), errors[0]].join(separator);
}

for (const stream of streams.filter((one) => isSse(one) && /^data: \[DONE\]\r?$/m.test(text(one)))) {
  test(`${stream.file} is whole with blanks behind its [DONE], too`, () => {
    const found = watched(stream, [bytes(text(stream).replace(/^(data: \[DONE\])/m, "$1 \t"))]);
    assert.deepEqual([found.refusal, found.ended], [undefined, true]);
  });
}
