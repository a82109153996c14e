import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import manifest from "../../package.json" with { type: "json" };
import { duration } from "../../src/config-kinds.ts";
import { settings } from "../../src/config-settings.ts";

const read = (name: string) => readFileSync(join(import.meta.dirname, "../..", name), "utf8");

test("the image is built by the pinned Bun, runs without root, and asks itself for its health", () => {
  const dockerfile = read("Dockerfile");
  assert.ok(dockerfile.includes(`oven/bun:${manifest.packageManager.replace("bun@", "")}-`));
  assert.match(dockerfile, /^USER [1-9]\d*:[1-9]\d*$/m);
  assert.match(dockerfile, /^HEALTHCHECK .* CMD \["\/usr\/local\/bin\/askonce", "health"\]$/m);
  // What a COPY names must not be ignored.
  const sent = read(".dockerignore")
    .split("\n")
    .flatMap((line) => (line.startsWith("!") ? [line.slice(1)] : []));
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = ""]) =>
    names.split(" "),
  );
  assert.deepEqual([...new Set(copied)].sort(), sent.sort());
});

test("compose publishes port 81, chooses a scope, and waits longer than answers may take at the end", () => {
  const compose = read("compose.yaml");
  assert.match(compose, /ports: \["127\.0\.0\.1:81:81"\]/);
  assert.match(compose, /ASKONCE_SCOPE: shared/);
  assert.match(compose, /read_only: true/);
  const [, grace = ""] = /stop_grace_period: (\S+)/.exec(compose) ?? [];
  assert.ok((duration.parse(grace) ?? 0) > (duration.parse(settings.shutdownGraceMs.fallback) ?? 0));
});
