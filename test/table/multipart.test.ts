import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formBoundary, formParts, isLabel } from "../../src/requests/multipart.ts";

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
  assert.equal(formBoundary('Multipart/Form-Data ;charset=UTF-8 ; boundary="a b"'), "a b");
  const browser = "----WebKitFormBoundary7MA4YWxkTrZu0gW";
  assert.equal(formBoundary(`multipart/form-data; boundary=${browser}`), browser);
  assert.equal(formBoundary("multipart/form-data"), undefined);
  assert.equal(formBoundary("application/json; boundary=x"), undefined);
});

test("a content type that two parsers could read in two ways names no boundary", () => {
  for (const rest of [
    '; x="; boundary=A"; boundary=Z',
    "; boundary=A; boundary=Z",
    '; boundary="A"; BOUNDARY=Z',
    "; boundary=A, multipart/form-data; boundary=Z",
    "; boundary=A; boundary*=utf-8''Z",
    "; boundary*0=A; boundary*1=Z",
    '; boundary="boundary=Z"',
    '; boundary="A\\Z"',
    '; boundary="A;Z"',
    '; boundary="A"Z',
    '; boundary="A ',
    '; boundary="A "',
    '; boundary=""',
    "; boundary=",
    "; boundary=A Z",
    "; boundary = A",
    "; boundary=A;",
    "; boundary=A\u00a0",
    "; boundary=A=Z",
    "; boundary=(A)Z",
    `; boundary=${"A".repeat(71)}`,
    "; boundary=A; charset=utf-16",
    "; boundary=A; charset=x; charset=utf-8",
    "boundary=A",
    ",; boundary=A",
    "; x=y; boundary=A",
  ])
    assert.equal(formBoundary(`multipart/form-data${rest}`), undefined, rest);
});

const field = (head = 'Content-Disposition: form-data; name="a"', content = "x") =>
  `--B\r\n${head}\r\n\r\n${content}\r\n`;

test("a body that two parsers could read in two ways has no parts", async () => {
  const read = (text: string) => formParts(encoder.encode(text), "B");
  assert.equal((await read(`${field()}--B--\r\n`))?.length, 1);
  assert.equal((await read(`${field()}${field()}--B--`))?.length, 2);
  const bodies = {
    "a preamble": `see\r\n${field()}--B--\r\n`,
    "an empty line first": `\r\n${field()}--B--\r\n`,
    "an epilogue": `${field()}--B--\r\n${field()}`,
    "an epilogue of blanks": `${field()}--B-- \r\n`,
    "a closing delimiter that goes on": `--B--x\r\n${field()}--B--\r\n`,
    "a first line that goes on": `--B x\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--B--\r\n`,
    "blanks after a delimiter": `${field().replace("--B", "--B ")}--B--\r\n`,
    "a longer delimiter inside": `${field(undefined, "x\r\n--BC\r\ny")}--B--\r\n`,
    "a delimiter behind a line feed": `${field(undefined, "x\n--B\ny")}--B--\r\n`,
    "a delimiter behind a carriage return": `${field(undefined, "x\r--B--\ry")}--B--\r\n`,
    "a delimiter in a line": `${field(undefined, "x--B")}--B--\r\n`,
    "line feeds alone": `${field()}--B--\r\n`.replaceAll("\r", ""),
    "a head that a line feed ends": `${field('Content-Disposition: form-data; name="a"\n\nevil')}--B--\r\n`,
    "a folded head": `${field('Content-Disposition: form-data;\r\n name="a"')}--B--\r\n`,
    "a line that is no header": `${field('Content-Disposition: form-data; name="a"\r\n--C')}--B--\r\n`,
    "a blank before the colon": `${field('Content-Disposition : form-data; name="a"')}--B--\r\n`,
    "two dispositions": `${field('Content-Disposition: form-data; name="a"\r\ncontent-disposition: form-data; name="b"')}--B--\r\n`,
    "no disposition": `${field("Content-Type: text/plain")}--B--\r\n`,
    "no head": `--B\r\n\r\nx\r\n--B--\r\n`,
    "nothing between two delimiters": `--B\r\n${field()}--B--\r\n`,
  };
  for (const [what, body] of Object.entries(bodies)) assert.equal(await read(body), undefined, what);
});

test("only a line of text under a name and nothing else is a label, which may be left out", async () => {
  const labels = async (head: string, content: string) => {
    const [part] = (await formParts(encoder.encode(`${field(head, content)}--B--`), "B")) ?? [];
    assert.ok(part, head);
    return [isLabel(part, part.content), isLabel(part, content)];
  };
  const named = 'Content-Disposition: form-data; name="user"';
  assert.deepEqual(await labels(named, "u-1"), [true, true]);
  assert.deepEqual(await labels(`Content-Type: text/plain; charset=utf-8\r\n${named}`, ""), [true, true]);
  for (const [head, content] of [
    [named, "u\r\nv"],
    [named, "u\nv"],
    [named, "u".repeat(5000)],
    [`${named}; filename="a"`, "u"],
    [`${named}; name="prompt"`, "u"],
    ['Content-Disposition: form-data; x="; name="user"; name="prompt"', "u"],
    [`${named}\r\nContent-Type: application/json`, "u"],
    [`${named}\r\nContent-Transfer-Encoding: base64`, "u"],
  ] as const)
    assert.deepEqual(await labels(head, content), [false, false], head);
});
