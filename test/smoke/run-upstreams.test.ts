import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { answersOf } from "../clients/scripted.ts";
import { runAskonce } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { type Provider, startProvider } from "../support/provider.ts";
import { runAsking, toldIn } from "../support/running.ts";
import { OWN_PROCESS } from "../support/session.ts";

let provider: Provider;
before(async () => {
  provider = await startProvider((call) => answersOf("openai")(call));
});
beforeEach(() => provider.forget());
after(() => provider.close());
const calls = () => provider.calls.map(({ target }) => target);

test(
  "a base URL that is set already becomes that provider's address, whatever its path ends in",
  OWN_PROCESS,
  async () => {
    for (const [variables, words, expected] of [
      [{ OPENAI_BASE_URL: "/v1" }, ["chat:a"], "/v1/chat/completions"],
      [{ OPENAI_BASE_URL: "/v1/" }, ["chat:a"], "/v1/chat/completions"],
      [{ OPENAI_API_BASE: "/some/gateway/v1" }, ["chat:a"], "/some/gateway/v1/chat/completions"],
      [{ OPENAI_BASE_URL: "/v1beta/openai" }, ["chat:a"], "/v1beta/openai/chat/completions"],
      [{ ANTHROPIC_BASE_URL: "" }, ["messages:a"], "/v1/messages"],
      [{ ANTHROPIC_BASE_URL: "/gateway/anthropic" }, ["messages:a"], "/gateway/anthropic/v1/messages"],
    ] as const) {
      provider.forget();
      const env = Object.fromEntries(
        Object.entries(variables).map(([name, path]) => [name, provider.url + path]),
      );
      const data = join(tempFolder(), "data");
      const first = await runAsking(words, { data, env });
      assert.equal(first.code, 0, `${JSON.stringify(variables)}: ${first.stdout}${first.stderr}`);
      const again = await runAsking(words, { data, env });
      assert.deepEqual([calls(), again.answers[0]?.cache], [[expected], "HIT"]);
    }
  },
);

test("what a setting says of a provider's address outranks the variable", OWN_PROCESS, async () => {
  const flags = ["--provider", `openai=${provider.url}`];
  const { code } = await runAsking(["chat:a"], { flags, env: { OPENAI_BASE_URL: "http://127.0.0.1:1/v1" } });
  assert.deepEqual([code, calls()], [0, ["/v1/chat/completions"]]);
});

test(
  "a base URL that is none stops the start with its name, and tells no password",
  OWN_PROCESS,
  async () => {
    const { code, stderr, stdout } = await runAsking(["chat:a"], {
      env: { OPENAI_BASE_URL: "http://me:hunter2@localhost/v1" },
    });
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /OPENAI_BASE_URL = .* \(environment\) is not valid/);
    assert.doesNotMatch(stderr, /hunter2/);
  },
);

test("in replay a provider without a key gets a dummy, one with a key keeps it", OWN_PROCESS, async () => {
  const data = join(tempFolder(), "data");
  const keys = async (flags: readonly string[]) => {
    const args = ["run", "--data", data, ...flags, "--", "sh", "-c", "env | grep -E '_(KEY|TOKEN)=' | sort"];
    return (await runAskonce(args, { data, env: { ANTHROPIC_AUTH_TOKEN: "mine", HF_TOKEN: "" } })).stdout;
  };
  const offline = await keys(["--mode", "replay"]);
  for (const name of [
    "OPENAI_API_KEY",
    "GROQ_API_KEY",
    "GOOGLE_API_KEY",
    "GEMINI_API_KEY",
    "CO_API_KEY",
    "HF_TOKEN",
  ])
    assert.match(offline, new RegExp(`^${name}=askonce-replay$`, "m"));
  assert.match(offline, /^ANTHROPIC_AUTH_TOKEN=mine$/m);
  assert.doesNotMatch(offline, /^ANTHROPIC_API_KEY=/m);
  assert.doesNotMatch(await keys([]), /askonce-replay/);
});

test(
  "a variable that names an askonce already is set to the run's own proxy, which asks that one",
  OWN_PROCESS,
  async () => {
    const inner = join(tempFolder(), "inner");
    const nested = ["run", "--data", inner, "--", "sh", "-c", 'echo "$OPENAI_BASE_URL"'];
    const { stdout, code, stderr } = await runAskonce(nested, {
      data: inner,
      env: { OPENAI_BASE_URL: "http://127.0.0.1:8181/openai/v1" },
    });
    assert.equal(code, 0);
    assert.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\/openai\/v1$/m);
    assert.doesNotMatch(stdout, /:8181\//);
    assert.equal(toldIn(stderr).length, 1);
  },
);
