/** Odd bodies and odd framings, by kind. */
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { openai } from "./answers.ts";
import { message, noise, type Odd, own, pick, question, type Random } from "./odd-message.ts";
import { bytesOf, concat } from "./wire.ts";

export const BODIES: Record<string, (random: Random, decoy: number) => Odd> = {
  "bad JSON": (random) => {
    const text = question(random);
    const bad = [
      text.slice(0, random(text.length)),
      `${text}}`,
      "{",
      "[",
      "null",
      '"',
      "nul",
      "[1,2",
      '{"a":}',
      "{".repeat(5000),
      "[".repeat(100_000),
      "1e999",
      "\ufeff{}",
    ];
    return own(message({ body: pick(random, bad) }));
  },
  "odd JSON": (random) => {
    const odd = [
      "[]",
      "0",
      '""',
      "true",
      "{}",
      '{"model":null,"stream":"yes","messages":{}}',
      '{"stream":true}',
      '{"model":"m","model":"n","messages":[]}',
      '{"__proto__":{"stream":true},"constructor":1}',
      `{"model":"${"m".repeat(9000)}"}`,
      '{"messages":[{"role":"user","content":"\\ud800"}]}',
      '{"n":1e400,"seed":-0,"max_tokens":12345678901234567890}',
      `{"metadata":${'{"a":'.repeat(400)}1${"}".repeat(400)}}`,
    ];
    return own(
      message({
        path: pick(random, [
          openai.path,
          "/openai/v1/embeddings",
          "/openai/v1/responses",
          "/openai/v1/completions",
        ]),
        body: pick(random, odd),
      }),
    );
  },
  "no body": (random) =>
    own(
      message({
        headers: pick(random, [
          [],
          ["Content-Type: application/json"],
          ["Content-Type: multipart/form-data; boundary=x"],
          ["Content-Encoding: gzip"],
        ]),
        length: random(2) === 1,
      }),
    ),
  "wrong content type": (random) =>
    own(
      message({
        headers: [
          `Content-Type: ${pick(random, ["", "text/plain", "application/xml", "a/b/c;;;=", "multipart/form-data", "multipart/form-data; boundary=", "application/json; charset=utf-16", "\x01", "*/*"])}`,
        ],
        body: question(random),
      }),
    ),
  "unknown codings": (random) =>
    own(
      message({
        headers: [
          `Content-Encoding: ${pick(random, ["gzip, br", "compress", "identity, identity", "x-gzip", "zstd;q=1", "GZIP", "gzip,gzip,gzip,gzip", "", ",", "aes128gcm"])}`,
        ],
        body: pick(random, [question(random), gzipSync(question(random)), noise(random, 50)]),
      }),
    ),
  "coded bodies": (random) => {
    const coding = pick(random, ["gzip", "br", "zstd", "deflate"] as const);
    const plain = pick(random, [question(random), "0".repeat(3_000_000), ""]);
    const coded = { gzip: gzipSync, br: brotliCompressSync, zstd: zstdCompressSync, deflate: gzipSync }[
      coding
    ](plain);
    const body = pick(random, [
      coded,
      coded,
      coded.subarray(0, random(coded.byteLength)),
      concat([coded, noise(random, 20)]),
    ]);
    return own(message({ headers: [`Content-Encoding: ${coding}`], body: new Uint8Array(body) }));
  },
  "invalid UTF-8": (random) => {
    const [before, after] = question(random).split("odd");
    return own(message({ body: concat([bytesOf(before ?? ""), noise(random, 30), bytesOf(after ?? "")]) }));
  },
  multipart: (random) =>
    own(
      message({
        path: pick(random, ["/openai/v1/audio/transcriptions", openai.path]),
        headers: ["Content-Type: multipart/form-data; boundary=b"],
        body: pick(random, [
          "--b\r\n",
          "--b--",
          '--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n',
          "--c\r\n\r\n--c--",
          "",
          "--b\r\n".repeat(500),
        ]),
      }),
    ),
  pipelined: (random) =>
    own(concat(Array.from({ length: 2 + random(6) }, () => message({ body: question(random) })))),
  "half-closed": (random) => own(message({ body: question(random) }), { halfClose: true }),
  "gone before the answer": (random) => own(message({ body: question(random) }), { leave: true }),
  "cut short": (random) => {
    const whole = message({ body: question(random) });
    return own(whole.subarray(0, random(whole.byteLength)), { halfClose: true });
  },
  "both lengths": (random) =>
    own(
      message({
        headers: pick(random, [
          ["Transfer-Encoding: chunked"],
          ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
          ["Content-Length: 5"],
          ["Content-Length: 1, 2"],
          ["Transfer-Encoding: gzip, chunked"],
        ]),
        body: "4\r\n{  }\r\n0\r\n\r\n",
      }),
    ),
  "broken chunks": (random) =>
    own(
      message({
        headers: ["Transfer-Encoding: chunked"],
        body: pick(random, [
          "zz\r\n{}\r\n",
          "2\r\n{}0\r\n\r\n",
          "-1\r\n",
          '2;ext="a"\r\n{}\r\n0\r\n\r\n',
          "fffffffffffffffff\r\n",
          "2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
          "2\n{}\n0\n\n",
        ]),
        length: false,
      }),
      { halfClose: true },
    ),
  "bad lengths": (random) =>
    own(
      message({
        headers: [
          `Content-Length: ${pick(random, ["-1", "+2", "0x2", "2 ", "1e1", "99999999999999999999", "", "two"])}`,
        ],
        body: "{}",
        length: false,
      }),
      { halfClose: true },
    ),
};
