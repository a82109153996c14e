import assert from "node:assert/strict";
import { test } from "node:test";
import { CredentialReader, keyQuery, maskedQuery, maskedReferer } from "../../src/proxy/credential.ts";
import {
  contentCoding,
  isJson,
  liveHeaders,
  storedHeaders,
  upstreamHeaders,
} from "../../src/proxy/headers.ts";
import { answerHeaders, type KeyParts, keyOf } from "../../src/proxy/key.ts";
import { isAllowedHost, isForeignOrigin } from "../../src/proxy/origin.ts";

const names = (headers: Headers) => [...headers.keys()];

test("hop-by-hop headers, those that Connection names and askonce's own never go up; the rest does", () => {
  const client = new Headers({
    connection: "keep-alive, X-Once",
    "x-once": "1",
    "keep-alive": "timeout=5",
    te: "trailers",
    trailer: "x",
    "transfer-encoding": "chunked",
    upgrade: "h2c",
    "proxy-authorization": "Basic x",
    host: "localhost",
    "content-length": "3",
    expect: "100-continue",
    "accept-encoding": "identity",
    "x-cache-ttl": "1h",
    "x-cache-mode": "refresh",
    "cache-control": "no-store",
    authorization: "Bearer k",
    "x-stainless-retry-count": "0",
    cookie: "a=b",
  });
  const up = upstreamHeaders(client, {
    decodes: ["gzip", "br"],
    dropCacheControl: true,
    whole: true,
    loop: undefined,
    provider: "openai",
  });
  assert.deepEqual(names(up).sort(), [
    "accept-encoding",
    "authorization",
    "cookie",
    "x-stainless-retry-count",
  ]);
  assert.equal(up.get("accept-encoding"), "gzip, br");
  const passed = upstreamHeaders(client, {
    decodes: [],
    dropCacheControl: false,
    whole: false,
    loop: "me",
    provider: "openai",
  });
  assert.equal(passed.get("cache-control"), "no-store");
  assert.equal(passed.get("cdn-loop"), "me");
  assert.equal(passed.get("accept-encoding"), "identity");
});

test("a kept head has nothing that speaks of one delivery", () => {
  const kept = storedHeaders(
    new Headers({
      "content-type": "application/json",
      "openai-version": "2020-10-01",
      "x-custom": "stays",
      date: "now",
      "set-cookie": "a=b",
      "x-request-id": "req_1",
      "x-ratelimit-remaining-tokens": "9",
      "anthropic-ratelimit-requests-limit": "5",
      "cf-ray": "1",
      "content-length": "5",
      "content-encoding": "gzip",
      "transfer-encoding": "chunked",
      connection: "x-hop",
      "x-hop": "1",
      "access-control-allow-origin": "*",
      "retry-after-ms": "5",
      "openai-organization": "org-x",
    }),
  );
  assert.deepEqual(kept.map(([name]) => name).sort(), ["content-type", "openai-version", "x-custom"]);
});

test("ids, traces and quotas of one delivery are in no kept head, whatever their gateway calls them", () => {
  const spoken = [
    "request-id",
    "x-request-id",
    "apim-request-id",
    "x-amzn-requestid",
    "x-kong-request-id",
    "x-kong-upstream-latency",
    "nvcf-reqid",
    "x-correlation-id",
    "mistral-correlation-id",
    "x-trace-id",
    "x-amzn-trace-id",
    "x-debug-trace-id",
    "x-ds-trace-id",
    "x-together-traceid",
    "traceparent",
    "tracestate",
    "traceresponse",
    "x-ratelimit-remaining-requests",
    "x-ratelimitbysize-remaining-minute",
    "x-ratelimitbysize-remaining-month",
    "ratelimitbysize-remaining",
    "ratelimit-policy",
    "x-rate-limit-remaining",
    "x-trial-endpoint-call-remaining",
    "x-endpoint-monthly-call-limit",
  ];
  const head = new Headers(spoken.map((name) => [name, "1"]));
  for (const name of ["content-type", "openai-version", "x-request-identity", "x-traced"])
    head.set(name, "1");
  assert.deepEqual(
    storedHeaders(head).map(([name]) => name),
    ["content-type", "openai-version", "x-request-identity", "x-traced"],
  );
});

test("a client never gets a cookie of a cacheable answer, nor the length of what was decoded", () => {
  const provider = new Headers({ "content-encoding": "gzip", "content-length": "9", "content-type": "a/b" });
  provider.append("set-cookie", "a=1");
  provider.append("set-cookie", "b=2");
  const cacheable = liveHeaders(provider, { decoded: true, cacheable: true, keepLength: true });
  assert.deepEqual(names(cacheable), ["content-type"]);
  const passed = liveHeaders(provider, { decoded: false, cacheable: false, keepLength: true });
  assert.deepEqual(passed.getSetCookie(), ["a=1", "b=2"]);
  assert.equal(passed.get("content-length"), "9");
});

test("a coding that the runtime does not undo is called unknown", () => {
  const coded = (value: string) => contentCoding(new Headers({ "content-encoding": value }), ["gzip", "br"]);
  assert.equal(coded("GZIP"), "decoded");
  assert.equal(coded("identity"), "none");
  assert.equal(coded("zstd"), "unknown");
  assert.equal(coded("gzip, br"), "unknown");
  assert.equal(contentCoding(new Headers(), ["gzip"]), "none");
});

test("JSON is told by its media type", () => {
  assert.ok(isJson("application/json") && isJson("application/problem+json"));
  assert.ok(!isJson("text/event-stream") && !isJson("application/x-ndjson") && !isJson("text/json-like"));
});

test("the same key is the same credential in whatever header or query it travels", () => {
  const reader = new CredentialReader("secret");
  const tag = (headers: Record<string, string>, query = "") => reader.read(new Headers(headers), query).tag;
  const bearer = tag({ authorization: "Bearer sk-1" });
  assert.equal(tag({ "x-api-key": "sk-1" }), bearer);
  assert.equal(tag({ "api-key": "sk-1" }), bearer);
  assert.equal(tag({ "x-goog-api-key": "sk-1" }), bearer);
  assert.equal(tag({}, "?alt=sse&key=sk-1"), bearer);
  assert.equal(tag({ authorization: "bearer sk-1", "x-api-key": "sk-1" }), bearer);
  assert.notEqual(tag({ authorization: "Bearer sk-2" }), bearer);
  assert.notEqual(tag({ authorization: "Bearer sk-1", "x-api-key": "sk-2" }), bearer);
  assert.notEqual(tag({ authorization: "Bearer sk-1", "openai-project": "p" }), bearer);
  assert.notEqual(new CredentialReader("other").read(new Headers({ "x-api-key": "sk-1" }), "").tag, bearer);
  assert.ok(!bearer.includes("sk-1"));
  assert.equal(reader.read(new Headers(), "").present, false);
  assert.equal(reader.read(new Headers({ authorization: "" }), "").present, false);
});

test("credentials in a query are neither in the key nor in the log", () => {
  assert.equal(keyQuery("?b=2&key=sk-1&a=1&access_token=t&API_KEY=x"), "a=1&b=2");
  assert.equal(keyQuery("?%6Bey=sk-1"), "");
  assert.equal(maskedQuery("?alt=sse&key=sk-1&%6bey=sk-2&flag"), "?alt=sse&key=***&%6bey=***&flag");
  assert.equal(maskedQuery(""), "");
  assert.equal(maskedQuery("?a7c9e1f3b5d7a7c9e1f3"), "?***");
  assert.equal(maskedQuery("?a=1;key=x;b=2"), "?a=1;key=***;b=2");
});

test("a referer is logged without user, fragment and secret members of its query", () => {
  assert.equal(maskedReferer("http://u:p@x@h/a?b=1?&token=x#access_token=y"), "http://h/a?b=1?&token=***");
  assert.equal(maskedReferer("https://h/a"), "https://h/a");
});

const PARTS: KeyParts = {
  partition: "all",
  namespace: "",
  sample: 0,
  provider: "openai",
  path: "/v1/chat/completions",
  query: "",
  headers: [],
  body: "json:00",
};

test("every part of a key counts, and none runs into the next", () => {
  const keys = [
    PARTS,
    { ...PARTS, partition: "other" },
    { ...PARTS, namespace: "n" },
    { ...PARTS, sample: 1 },
    { ...PARTS, provider: "groq" },
    { ...PARTS, path: "/v1/completions" },
    { ...PARTS, query: "?a=1" },
    { ...PARTS, headers: ["anthropic-version: 1"] },
    { ...PARTS, body: "raw:00" },
    { ...PARTS, namespace: "ab", provider: "c" },
    { ...PARTS, namespace: "a", provider: "bc" },
  ].map(keyOf);
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keyOf({ ...PARTS, query: "?b=2&a=1" }), keyOf({ ...PARTS, query: "?a=1&b=2&key=secret" }));
  assert.match(keyOf(PARTS), /^[0-9a-f]{64}$/);
});

test("headers that change the answer count without regard to order or repetition of their list", () => {
  const lines = (headers: Record<string, string>) => answerHeaders(new Headers(headers), ["anthropic-*"]);
  assert.deepEqual(lines({ "anthropic-beta": "b, a,b", "user-agent": "x" }), ["anthropic-beta: a,b"]);
  assert.deepEqual(lines({ "Anthropic-Version": "1", "anthropic-beta": "a" }), [
    "anthropic-beta: a",
    "anthropic-version: 1",
  ]);
});

test("only hosts that cannot be rebound from outside are answered", () => {
  const allowed = (host: string, list: string[] = []) =>
    isAllowedHost(host, { allowed: list, ownName: "Box.lan" });
  for (const host of [
    "127.0.0.1:8181",
    "[::1]:8181",
    "10.0.0.3",
    "localhost:1",
    "askonce",
    "a.localhost",
    "box.lan",
    "printer.local",
    "svc.internal:80",
    "localhost.",
  ]) {
    assert.ok(allowed(host), host);
  }
  for (const host of [
    "evil.example",
    "evil.example:8181",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "a b",
    "",
    "evil.example@localhost",
  ]) {
    assert.ok(!allowed(host), host);
  }
  assert.ok(allowed("cache.example.org", ["cache.example.org"]));
  assert.ok(allowed("a.example.org:443", ["*.example.org"]));
  assert.ok(!allowed("example.org", ["*.example.org"]));
});

test("a page of another site is foreign, one on this machine is not", () => {
  for (const origin of [
    "https://evil.example",
    "null",
    "http://localhost.evil.example",
    "http://127.0.0.1.evil.example",
    "file://",
    "http://192.168.1.5",
  ]) {
    assert.ok(isForeignOrigin(origin, []), origin);
  }
  for (const origin of [
    "http://localhost:3000",
    "https://127.0.0.1",
    "http://[::1]:5173",
    "http://app.localhost",
  ]) {
    assert.ok(!isForeignOrigin(origin, []), origin);
  }
  assert.ok(!isForeignOrigin(null, []));
  assert.ok(!isForeignOrigin("https://app.example", ["https://app.example"]));
});
