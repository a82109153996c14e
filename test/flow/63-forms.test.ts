import assert from "node:assert/strict";
import { test } from "node:test";
import { asCacheKey, type CacheKey } from "../../src/cache/entry.ts";
import { Keyed } from "../support/keyed.ts";

const encoder = new TextEncoder();
const PATH = "/openai/v1/audio/transcriptions";

interface Field {
  readonly name: string;
  readonly file?: string;
  readonly type?: string;
  readonly content: string | Uint8Array;
}

const sound = (last: number) => Uint8Array.from({ length: 64 }, (_, i) => (i === 63 ? last : i * 7));
const upload = (more: Partial<Field> = {}): Field => ({
  name: "file",
  file: "a.wav",
  type: "audio/wav",
  content: sound(1),
  ...more,
});

async function keyOf(
  fields: readonly Field[],
  {
    boundary = "XyZ",
    path = PATH,
    flags = [],
  }: { boundary?: string; path?: string; flags?: [string, string][] } = {},
): Promise<CacheKey> {
  const pieces: Uint8Array[] = [];
  for (const { name, file, type, content } of fields) {
    const named = file === undefined ? "" : `; filename="${file}"`;
    const typed = type === undefined ? "" : `Content-Type: ${type}\r\n`;
    pieces.push(
      encoder.encode(
        `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${named}\r\n${typed}\r\n`,
      ),
      typeof content === "string" ? encoder.encode(content) : content,
      encoder.encode("\r\n"),
    );
  }
  pieces.push(encoder.encode(`--${boundary}--\r\n`));
  const body = new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
  const contentType = `multipart/form-data; boundary="${boundary}"`;
  const { key } = await new Keyed(flags).ask({ path, body, contentType });
  assert.ok(key && asCacheKey(key));
  return key;
}

const model: Field = { name: "model", content: "whisper-1" };

test("the same sound under another boundary is one question", async () => {
  const first = await keyOf([model, upload()]);
  assert.equal(await keyOf([model, upload()], { boundary: "----WebKitFormBoundary0123" }), first);
});

test("two sounds of one name and length are two questions, and so is any other change to a form", async () => {
  const first = await keyOf([model, upload()]);
  const others: Field[][] = [
    [model, upload({ content: sound(2) })],
    [model, upload({ file: "b.wav" })],
    [model, upload({ file: "a\u00ff.wav" })],
    [model, upload({ file: "a\u00fe.wav" })],
    [model, upload({ type: "audio/mp3" })],
    [model, upload({ name: "audio" })],
    [upload(), model],
    [model, upload(), { name: "language", content: "en" }],
    [{ ...model, content: "whisper-2" }, upload()],
    [upload()],
    [model, model, upload()],
  ];
  const keys = [first, ...(await Promise.all(others.map((fields) => keyOf(fields))))];
  assert.equal(new Set(keys).size, keys.length);
});

test("a form field that only names the end user does not count where it is known, a file of that name does", async () => {
  const edits = { path: "/openai/v1/images/edits" };
  const plain = await keyOf([model, upload()], edits);
  const user: Field = { name: "user", content: "u-1" };
  assert.equal(await keyOf([model, user, upload()], edits), plain);
  assert.notEqual(await keyOf([model, { ...user, file: "user" }, upload()], edits), plain);
  assert.notEqual(await keyOf([model, user, upload()]), await keyOf([model, upload()]));
  assert.notEqual(await keyOf([model, user, upload()], { ...edits, flags: [["--key-keep", "user"]] }), plain);
  assert.equal(
    await keyOf([model, user, upload()], { flags: [["--key-ignore", "user"]] }),
    await keyOf([model, upload()]),
  );
});

const SIMPLE = (boundary: string, prompt: string) =>
  ["model", "prompt"]
    .map((name) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${prompt}\r\n`)
    .join("") + `--${boundary}--\r\n`;

test("a form that two parsers could read in two ways counts byte for byte, with its content type as it is written", async () => {
  const keyed = async (body: string, contentType: string) => {
    const { key, word } = await new Keyed().ask({ path: PATH, body, contentType });
    return key ?? assert.fail(word);
  };
  const type = "multipart/form-data; boundary=";
  const honest = await keyed(SIMPLE("q", "honest"), `${type}q`);
  assert.equal(await keyed(SIMPLE("A1", "honest"), `${type}A1`), honest);
  const two = SIMPLE("A1", "honest") + SIMPLE("ZZ", "evil");
  const keys = [
    honest,
    await keyed(two, 'multipart/form-data; x="; boundary=A1"; boundary=ZZ'),
    await keyed(two, `${type}A1`),
    await keyed(two, `${type}ZZ`),
    await keyed(two, `${type}zz`),
    await keyed(two, `${type}A1; boundary=ZZ`),
    await keyed(SIMPLE("q", "honest"), `${type}q; charset=utf-16`),
    await keyed(SIMPLE("q", "one").replace("--q\r\n", "--q--x\r\n"), `${type}q`),
    await keyed(SIMPLE("q", "two").replace("--q\r\n", "--q--x\r\n"), `${type}q`),
  ];
  assert.equal(new Set(keys).size, keys.length);
});

test("a field of a name that is left out counts where a parser could find more in it", async () => {
  const edits = { path: "/openai/v1/images/edits" };
  const plain = await keyOf([model, upload()], edits);
  const hidden = 'u\r\n--C\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nevil';
  assert.notEqual(await keyOf([model, { name: "user", content: hidden }, upload()], edits), plain);
  const twice = { name: 'user"; name="prompt', content: "evil" };
  assert.notEqual(await keyOf([model, twice, upload()], edits), plain);
});
