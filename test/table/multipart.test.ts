import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formBoundary, formParts } from "../../src/requests/multipart.ts";

const encoder = new TextEncoder();

interface Field {
  name: string;
  file?: string;
  content: Uint8Array;
}

function form(fields: readonly Field[], boundary: string): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const { name, file, content } of fields) {
    const named = file === undefined ? "" : `; filename="${file}"`;
    pieces.push(
      encoder.encode(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"${named}\r\n`),
    );
    if (file !== undefined) pieces.push(encoder.encode("Content-Type: audio/wav\r\n"));
    pieces.push(encoder.encode("\r\n"), content, encoder.encode("\r\n"));
  }
  pieces.push(encoder.encode(`--${boundary}--\r\n`));
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

test("a form's parts come back whole, whatever bytes they hold and whatever the boundary is", async () => {
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .string({ unit: fc.constantFrom("\r", "\n", "-", "--", "b", "\r\n--"), maxLength: 40 })
      .map((text) => encoder.encode(text)),
  );
  const field = fc.record({ name: fc.constantFrom("file", "model", "prompt"), content });
  await fc.assert(
    fc.asyncProperty(fc.array(field, { maxLength: 5 }), async (fields) => {
      for (const boundary of ["----xyz0123456789", "bOuNd'()+_,-./:=?"]) {
        const parts = await formParts(form(fields, boundary), boundary);
        assert.deepEqual(
          parts?.map(({ name, content: bytes }) => [name, [...bytes]]),
          fields.map((one) => [one.name, [...one.content]]),
        );
      }
    }),
  );
});

test("what is no complete form has no parts", async () => {
  const whole = form([{ name: "file", file: "a.wav", content: encoder.encode("abc") }], "B");
  assert.equal((await formParts(whole, "B"))?.length, 1);
  for (let end = 0; end < whole.byteLength - 4; end++)
    assert.equal(await formParts(whole.subarray(0, end), "B"), undefined, String(end));
  assert.equal(await formParts(whole, "C"), undefined);
});

test("the boundary is read from the content type, quoted or not", () => {
  assert.equal(formBoundary("multipart/form-data; boundary=abc"), "abc");
  assert.equal(formBoundary('Multipart/Form-Data; charset=x; boundary="a b"'), "a b");
  assert.equal(formBoundary("multipart/form-data"), undefined);
  assert.equal(formBoundary("application/json; boundary=x"), undefined);
});
