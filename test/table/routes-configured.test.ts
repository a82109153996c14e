import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ConfigError, ProxyError } from "../../src/errors.ts";
import { joinUrl } from "../../src/providers/paths.ts";
import { builtinNames, familyNames, fromSetting, providersFor } from "../../src/providers/table.ts";
import type { Route } from "../../src/proxy/route.ts";
import { CHAT, routed, setting } from "../support/routed.ts";

/** A configured URL, a path after the provider's name, and where it goes. */
const bases: readonly (readonly [name: string, url: string, rest: string, expected: string])[] = [
  ["mine", "http://localhost:8000", `/v1/${CHAT}`, `http://localhost:8000/v1/${CHAT}`],
  ["mine", "http://localhost:8000/v1", `/v1/${CHAT}`, `http://localhost:8000/v1/${CHAT}`],
  ["mine", "http://localhost:8000/v1", `/${CHAT}`, `http://localhost:8000/v1/${CHAT}`],
  ["mine", "http://localhost:8000/v1/", `/v1/${CHAT}`, `http://localhost:8000/v1/${CHAT}`],
  ["mine", "http://h/a/b/", `/v1/${CHAT}`, `http://h/a/b/v1/${CHAT}`],
  ["mine", "http://h/xv1", `/v1/${CHAT}`, `http://h/xv1/v1/${CHAT}`],
  ["mine", "https://h/api/paas/v4", `/v1/${CHAT}`, `https://h/api/paas/v4/${CHAT}`],
  ["mine", "https://h/api/paas/v4", `/${CHAT}`, `https://h/api/paas/v4/${CHAT}`],
  ["groq", "http://h/openai/v1", `/v1/${CHAT}`, `http://h/openai/v1/${CHAT}`],
  ["groq", "http://h/openai", `/v1/${CHAT}`, `http://h/openai/v1/${CHAT}`],
  ["groq", "http://h", `/${CHAT}`, `http://h/openai/v1/${CHAT}`],
  ["ai21", "http://h/studio/v1", `/v1/${CHAT}`, `http://h/studio/v1/${CHAT}`],
  ["deepseek", "http://h/v1", `/v1/${CHAT}`, `http://h/v1/${CHAT}`],
  ["google", "http://h/v1beta", "/models/m:countTokens", "http://h/v1beta/models/m:countTokens"],
];

for (const [name, url, rest, expected] of bases) {
  test(`/${name}${rest} with ${url} goes to ${expected}`, () => {
    assert.equal(routed(`/${name}${rest}`, { settings: [setting(name, url)] }).url, expected);
  });
}

test("no path leaves the provider's host or climbs out of its base path", () => {
  const odd = fc.constantFrom(
    "..",
    ".",
    "%2e%2e",
    "%2E.",
    "",
    "@evil.example",
    "\\..\\",
    "%2f..",
    "v1",
    "chat",
    "?",
    "#",
    ":80",
    "é",
    ";",
    "openai",
    "%00",
    "http:",
  );
  const anything = fc.oneof(odd, fc.string({ maxLength: 8 }));
  const urls = fc.constantFrom("http://h:1", "https://h/v1", "http://h/a/b", "http://h/openai/v1");
  const names = fc.constantFrom("mine", ...builtinNames);
  let hits = 0;
  fc.assert(
    fc.property(names, urls, fc.array(anything, { maxLength: 6 }), (name, url, segments) => {
      const settings = [setting(name, url)];
      let found: Route;
      try {
        found = routed(`/${name}/${segments.join("/")}`, { settings });
      } catch (error) {
        // Dot segments that climb out of /<provider> name another provider, or none.
        assert.ok(error instanceof ProxyError, String(error));
        return;
      }
      const [went, base] = [new URL(found.url), new URL(found.provider.baseUrl)];
      assert.equal(went.origin, base.origin);
      assert.ok(`${went.pathname}/`.startsWith(base.pathname), found.url);
      assert.equal(went.pathname + went.search, found.url.slice(base.origin.length));
      if (found.provider.name === name) hits++;
    }),
    { seed: 5, numRuns: 3000 },
  );
  assert.ok(hits > 2000, `only ${hits} of 3000 paths stayed with their provider`);
});

test("joining never drops a segment that is not the base's own", () => {
  const segments = fc.array(fc.constantFrom("a", "b", "v1", ""), { maxLength: 4 });
  fc.assert(
    fc.property(segments, segments, (base, path) => {
      const baseUrl = `http://h/${base.filter((segment) => segment !== "").join("/")}`;
      const joined = new URL(joinUrl(baseUrl, `/${path.join("/")}`)).pathname;
      assert.ok(joined.endsWith(`/${path.join("/")}`), `${baseUrl} and /${path.join("/")} became ${joined}`);
    }),
    { seed: 9, numRuns: 2000 },
  );
});

test("a setting that can't be used names itself, its value and what would be valid", () => {
  const unknown = () => fromSetting(setting("mine", "http://h", { family: "constructor" }));
  assert.throws(
    unknown,
    (error) =>
      error instanceof ConfigError &&
      error.setting === "providers.mine.family" &&
      error.valid.includes("openai"),
  );
  const nowhere = () => fromSetting({ name: "mine", url: undefined, family: undefined, auth: undefined });
  assert.throws(nowhere, (error) => error instanceof ConfigError && error.setting === "providers.mine.url");
});

test("a configured provider takes over the ways of its family, and says itself whether it needs a key", () => {
  for (const family of familyNames) {
    const provider = fromSetting(setting("mine", "http://h/", { family }));
    assert.equal(provider.name, "mine");
    assert.equal(provider.baseUrl, "http://h");
  }
  assert.equal(
    fromSetting(setting("mine", "http://h", { family: "groq" })).upstreamPath("/v1/x"),
    "/openai/v1/x",
  );
  assert.equal(fromSetting(setting("mine", "http://h")).auth, "key");
  assert.equal(fromSetting(setting("mine", "http://h", { auth: "none" })).auth, "none");
  assert.equal(fromSetting(setting("ollama", "http://h")).auth, "none");
  assert.equal(fromSetting(setting("ollama", "http://h", { auth: "key" })).auth, "key");
  assert.equal(
    fromSetting({ name: "groq", url: undefined, family: undefined, auth: "none" }).baseUrl,
    "https://api.groq.com",
  );
});

test("only servers of one's own work without a key and are local, at another address too", () => {
  const open = [...providersFor().values()]
    .filter(({ auth, local }) => auth === "none" && local)
    .map(({ name }) => name);
  assert.deepEqual(open.sort(), ["llamacpp", "lmstudio", "ollama", "vllm"]);
  assert.equal(fromSetting(setting("openai", "http://127.0.0.1:1")).local, false);
});
