import assert from "node:assert/strict";
import { test } from "node:test";
import { type Config, parseConfig, redacted } from "../../src/config.ts";
import { exposureWarnings, servedProviders, tokensIn } from "../../src/config-exposure.ts";
import { ConfigError } from "../../src/errors.ts";

interface Given {
  file?: string;
  env?: Record<string, string>;
  flags?: [string, string][];
}

function parse({ file, env = {}, flags = [] }: Given) {
  return parseConfig(
    { file: file === undefined ? undefined : { path: "/etc/askonce.toml", text: file }, env, flags },
    { dataFolder: "/data", absolute: (path) => `/abs/${path}` },
  );
}

test("access tokens are never shown, neither in effect nor where one is refused", () => {
  const { config } = parse({ flags: [["--access-tokens", "a-token-of-22-letters1,another-token-of-22-le"]] });
  assert.equal(redacted(config).access_tokens, "***, ***");
  const broken = [
    { flags: [["--access-tokens", "a-token too short"]] },
    { env: { ASKONCE_ACCESS_TOKENS: "a-token too short" } },
    { file: 'access_tokens = ["a-token too short"]' },
    { file: 'access_tokens = "a-token too short' },
  ] satisfies Given[];
  for (const given of broken) {
    assert.throws(
      () => parse(given),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.doesNotMatch(error.message, /a-token/);
        assert.match(error.message, /\*\*\*/);
        return true;
      },
    );
  }
});

test("a file of access tokens holds one a line, and a bad line is named by its number alone", () => {
  assert.deepEqual(tokensIn("/t", "# mine\n\n  sixteen-letters-1\nsixteen-letters-2\n"), [
    "sixteen-letters-1",
    "sixteen-letters-2",
  ]);
  assert.throws(
    () => tokensIn("/t", "sixteen-letters-1\nshort one\n"),
    (error: Error) => /\/t line 2/.test(error.message) && !error.message.includes("short one"),
  );
});

test("beyond loopback, without access tokens, model servers that ask for no key are served only by name", () => {
  const at = (listen: string, ...flags: [string, string][]) =>
    parse({ flags: [["--listen", listen], ["--scope", "shared"], ...flags] }).config;
  const keyless = ["ollama", "lmstudio", "vllm", "llamacpp"];
  const served = (config: Config) => keyless.filter((name) => servedProviders(config).has(name));
  assert.deepEqual(served(at("127.0.0.1:1, [::1]:1")), keyless);
  assert.deepEqual(exposureWarnings(at("127.0.0.1:1")), []);
  const open = at("127.0.0.1:1, 0.0.0.0:2", ["--provider", "ollama=http://127.0.0.1:11434"]);
  assert.deepEqual(served(open), ["ollama"]);
  assert.ok(servedProviders(open).has("openai"));
  const [used, withheld, ...more] = exposureWarnings(open);
  assert.match(used ?? "", /ollama without a key.*access_tokens/);
  assert.match(withheld ?? "", /lmstudio, vllm, llamacpp.*not served/);
  assert.deepEqual(more, []);
  const guarded = at("0.0.0.0:2", ["--access-tokens", "sixteen-letters-1"]);
  assert.deepEqual(served(guarded), keyless);
  assert.deepEqual(exposureWarnings(guarded), []);
});
