/** Test runners of other people under `askonce run`, with suites that configure nothing (test/clients/run). */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { root, runAskonce, startedBy } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";
import { type Provider, startProvider } from "../support/provider.ts";
import { pointedAt, toldIn } from "../support/running.ts";
import { setUp } from "./python.ts";
import { answersOf } from "./scripted.ts";

const SUITES = join(root, "test/clients/run");
const RUN = { timeout: 300_000 };
const ONE_RUN_MS = 120_000;

interface Runner {
  readonly name: string;
  readonly command: readonly string[];
  /** Requests that its suite makes. */
  readonly asks: number;
}

const python = setUp();
const bun = [process.execPath, "--no-env-file"];
const runners: readonly Runner[] = [
  ...(python === undefined
    ? []
    : [
        {
          name: "pytest",
          command: [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", SUITES],
          asks: 5,
        },
      ]),
  {
    name: "vitest",
    // Bun stands in for Node, which not every machine has: with threads, since it cannot fork as Node does.
    command: [
      ...bun,
      "--bun",
      join(root, "node_modules/vitest/vitest.mjs"),
      "run",
      "--pool",
      "threads",
      "--root",
      SUITES,
    ],
    asks: 3,
  },
  { name: "bun test", command: [...bun, "test", join(SUITES, "llm.spec.ts")], asks: 3 },
];

let provider: Provider;
before(async () => {
  provider = await startProvider((call) =>
    call.path.endsWith("/models")
      ? call.reply({
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({
            object: "list",
            data: [{ id: "m-1", object: "model", created: 1, owned_by: "me" }],
          }),
        })
      : answersOf("openai")(call),
  );
});
beforeEach(() => provider.forget());
after(() => provider.close());

function suite({ command }: Runner) {
  const cassette = join(tempFolder(), "llm.ndjson");
  const keys = { OPENAI_API_KEY: "sk-test", ANTHROPIC_API_KEY: "sk-ant-test" };
  const run = (flags: readonly string[], env: Readonly<Record<string, string>>) =>
    runAskonce(["run", "--cassette", cassette, ...flags, "--", ...command], {
      env: { NO_COLOR: "1", PYTHONDONTWRITEBYTECODE: "1", ...env },
      within: ONE_RUN_MS,
    });
  return {
    cassette,
    record: () => run([], { ...keys, ...pointedAt(provider) }),
    /** Nobody is there to be called, and there is no key. */
    replay: (env: Readonly<Record<string, string>> = {}) => run(["--mode", "replay", "--strict"], env),
  };
}

for (const runner of runners) {
  test(
    `${runner.name} records, calls nobody, passes with provider and keys gone, and fails where a prompt changed`,
    RUN,
    async () => {
      const { cassette, record, replay } = suite(runner);
      const first = await record();
      assert.equal(first.code, 0, first.stdout + first.stderr);
      assert.equal(provider.count, runner.asks);
      const recorded = readFileSync(cassette, "utf8");
      assert.equal(recorded.trimEnd().split("\n").length, runner.asks);
      assert.doesNotMatch(recorded, /sk-test|sk-ant-test/);
      const again = await record();
      assert.equal(again.code, 0, again.stdout + again.stderr);
      const replayed = await replay();
      assert.equal(replayed.code, 0, replayed.stdout + replayed.stderr);
      assert.equal(provider.count, runner.asks);
      for (const { stderr } of [again, replayed])
        assert.ok(
          toldIn(stderr).some((text) => text.startsWith(`${runner.asks} hits · 0 misses · `)),
          stderr,
        );
      assert.equal(readFileSync(cassette, "utf8"), recorded);

      const changed = await replay({ PROMPT: "Say hello to the moon" });
      assert.equal(changed.code, 1, changed.stdout + changed.stderr);
      const named =
        /differs at messages\[0\]\.content: \\?"Say hello to the moon\\?" here, \\?"Say hello to the world\\?" there/;
      assert.match(changed.stdout + changed.stderr, named);
      assert.ok(
        toldIn(changed.stderr).some((text) => text.startsWith("missed: ")),
        changed.stderr,
      );
      assert.equal(provider.count, runner.asks);
    },
  );
}

if (python !== undefined) {
  test("Ctrl-C on a terminal reaches the command once, and the run ends with 130", RUN, () => {
    const data = join(tempFolder(), "data");
    const command = ["sh", "-c", "trap 'echo caught; exit 130' INT; echo ready; while :; do sleep 0.1; done"];
    const run = startedBy(["run", "--data", data, "--", ...command]);
    const told = execFileSync(python, [join(SUITES, "terminal.py"), ...run], {
      encoding: "utf8",
      timeout: ONE_RUN_MS,
    });
    assert.match(told, /ready[\s\S]*caught[\s\S]*0 hits · 0 misses[\s\S]*exit 130/);
    assert.equal(told.match(/caught/g)?.length, 1, told);
  });
}
