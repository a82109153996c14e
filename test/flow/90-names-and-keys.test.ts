import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { providersFor } from "../../src/providers/table.ts";
import { askedIn, askedOf } from "../../src/proxy/asked.ts";
import type { Job } from "../../src/proxy/flight.ts";
import { handle } from "../../src/proxy/handle.ts";
import type { KnownHead } from "../../src/proxy/repeats.ts";
import { journey, json } from "../support/journey.ts";

const PATHS = [
  "/openai/v1/chat/completions",
  "/openai/chat/completions",
  "/v1/chat/completions",
  "/@ns;sample=2/v1/chat/completions",
  "/@ns/openai/v1/chat/completions",
  "/openai/v1/responses",
  "/openai/v1/embeddings",
  "/openai/v1/odd",
  "/groq/v1/chat/completions",
  "/google/models/m:generateContent",
  "/lmstudio/v1/chat/completions",
  "/own/v1/chat/completions",
  "/own/openai/deployments/d/chat/completions",
];
const QUERIES = ["", "", "?a=1&b=2", "?b=2&a=1", "?key=K1", "?key=K2"];
const HEADERS: Readonly<Record<string, string>>[] = [
  {},
  {},
  { authorization: "Bearer sk-2" },
  { "openai-beta": "a,b" },
  { "openai-beta": "b, a" },
  { "x-custom": "1" },
  { "openai-organization": "o" },
  { "x-cache-sample": "2" },
  { "x-cache-sample": "auto" },
  { "x-cache-namespace": "ns" },
  { "x-cache-mode": "refresh" },
  { "cache-control": "no-cache" },
  { "cache-control": "max-age=5" },
  { "content-type": "application/json; charset=utf-8" },
  { "content-type": "text/plain" },
  { "content-encoding": "identity" },
];
const MEMBERS = [
  {},
  { user: "u" },
  { seed: 1 },
  { store: true },
  { background: true },
  { tools: [{ type: "web_search" }] },
];
const SETTINGS: [string, string][] = [
  ["--ttl", "1h"],
  ["--scope", "credential"],
  ["--scope", "verified"],
  ["--key-ignore", "seed"],
  ["--key-keep", "user"],
  ["--key-mask", "uuids"],
  ["--key-headers", "x-custom"],
  ["--cache-anyway", "web-search, background"],
  ["--cache-paths", "/v1/odd"],
  ["--default-provider", "groq"],
];
const bodies = MEMBERS.flatMap((more) =>
  ["hi", "at 6f1c2a3b-0000-4000-8000-123456789abc", "file-abc123"].map((text) =>
    JSON.stringify({ model: "m", messages: [{ role: "user", content: text }], input: text, ...more }),
  ),
);

const request = fc.record({
  path: fc.constantFrom(...PATHS),
  query: fc.constantFrom(...QUERIES),
  headers: fc.constantFrom(...HEADERS),
  body: fc.constantFrom(...bodies),
});
const run = fc.record({
  flags: fc.constantFrom(...SETTINGS),
  family: fc.constantFrom("openai", "azure", "generic", "vllm"),
  recording: fc.boolean(),
  requests: fc.array(request, { minLength: 40, maxLength: 40 }),
});

type Run = typeof run extends fc.Arbitrary<infer T> ? T : never;

/** What a run makes of its requests: what each is looked for by, and what it has where it may be kept. */
async function asked({ flags, family, recording, requests }: Run) {
  const { parts } = journey({ flags: [flags], provider: () => json("{}", { status: 500 }) });
  const url = "http://localhost:9";
  const providers = providersFor([{ name: "own", url, family, auth: undefined }]);
  let head: KnownHead | undefined;
  let job: Job | undefined;
  const headOf = parts.memory.head.bind(parts.memory);
  parts.memory.head = (...given) => {
    head = headOf(...given);
    return head;
  };
  const watched = {
    ...parts,
    providers: () => providers,
    // A cassette's store has one user, and that scope alone.
    recording: () => recording && parts.config().scope === "shared",
    watch: {
      asked(_call: unknown, seen: Job) {
        job = seen;
      },
      told() {},
      refused() {},
    },
  } as unknown as typeof parts;
  const made: { what: string; wanted: string | undefined; job: Job | undefined }[] = [];
  for (const { path, query, headers, body } of requests) {
    [head, job] = [undefined, undefined];
    const all = { authorization: "Bearer sk-1", "content-type": "application/json", ...headers };
    const init = { method: "POST", headers: all, body };
    const response = await handle(watched, new Request(`http://localhost${path}${query}`, init), {
      address: "-",
    });
    await response.text();
    const prefix = head && askedIn(head);
    const wanted = prefix && askedOf(prefix, new TextEncoder().encode(body));
    made.push({ what: JSON.stringify({ flags, family, path, query, headers, body }), wanted, job });
  }
  return made;
}

test("requests of one name have one key in one pool, and none of them passes by the cache", async () => {
  const keys = new Map<string, string>();
  const passing = new Map<string, string>();
  let again = 0;
  await fc.assert(
    fc.asyncProperty(run, async (one) => {
      for (const { what, wanted, job } of await asked(one)) {
        if (job?.claim !== undefined)
          assert.equal(wanted, undefined, `it has to prove itself first: ${what}`);
        if (wanted === undefined) {
          assert.equal(job?.askedIn, undefined, what);
          continue;
        }
        if (job === undefined) passing.set(wanted, what);
        else if (job.askedIn !== undefined) {
          const { body = new Uint8Array(0) } = job.request;
          assert.equal(askedOf(job.askedIn, body), wanted, what);
          const key = `${job.key} in ${job.facts.pool}`;
          if (keys.has(wanted)) again++;
          assert.equal(keys.get(wanted) ?? key, key, what);
          keys.set(wanted, key);
        }
      }
    }),
    { numRuns: 150 },
  );
  for (const [name, what] of passing) assert.equal(keys.get(name), undefined, what);
  assert.ok(keys.size > 300 && again > 300, `${keys.size} names, ${again} again`);
});
