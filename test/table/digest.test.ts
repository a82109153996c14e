import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { sha256Texts } from "../../src/proxy/digest.ts";

const TEXTS: [string, readonly string[]][] = [
  ["nothing", []],
  ["short ones", ["{", '"a":', "1", "}"]],
  ["one over the bound to be put together", ["{", "word ".repeat(6_400), "}"]],
  ["characters of two to four bytes", ["é€😀".repeat(3_000), "|", "\u0000ÿ".repeat(5_000)]],
  ["a text whose bytes are three times its units", ["€".repeat(300_000), "€"]],
  ["more than is kept at hand", ["x".repeat(1_200_000), "é"]],
];
for (const [what, texts] of TEXTS) {
  test(`the digest of ${what} is that of their bytes behind each other`, () => {
    const hash = createHash("sha256");
    for (const text of texts) hash.update(new TextEncoder().encode(text));
    assert.equal(sha256Texts(texts), hash.digest("hex"));
  });
}
