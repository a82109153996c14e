import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  baseUrl,
  duration,
  hostName,
  type Kind,
  listenAddress,
  origin,
  size,
} from "../../src/config-kinds.ts";

const table: readonly (readonly [string, Kind<unknown>, Record<string, unknown>, readonly string[]])[] = [
  [
    "a duration",
    duration,
    {
      "0": 0,
      "0s": 0,
      "250ms": 250,
      "30s": 30_000,
      "10m": 600_000,
      "4h": 14_400_000,
      "4d": 345_600_000,
      forever: Number.POSITIVE_INFINITY,
      "007s": 7_000,
    },
    [
      "",
      "30",
      "1.5h",
      "-1s",
      "+1s",
      "4 h",
      " 4h",
      "4H",
      "4hours",
      "1h30m",
      "Forever",
      "1e3s",
      "4d\n",
      "１s",
      "s",
    ].concat([
      "999999999999999d",
      "9007199254740993ms",
      "constructor",
      "1constructor",
      "1toString",
      "NaN",
      "∞",
    ]),
  ],
  [
    "a size",
    size,
    { "0": 0, "0B": 0, "1B": 1, "64KiB": 65_536, "8MiB": 8_388_608, "1GiB": 1_073_741_824, "2TiB": 2 ** 41 },
    ["", "64", "64KB", "64kib", "64K", "1.5GiB", "-1MiB", "1 GiB", "9999999TiB", "forever", "1__proto__"],
  ],
  [
    "a place to listen",
    listenAddress,
    {
      "127.0.0.1:8181": { hostname: "127.0.0.1", port: 8181 },
      "[::1]:0": { hostname: "::1", port: 0 },
      "localhost:80": { hostname: "localhost", port: 80 },
      ":8181": { hostname: "0.0.0.0", port: 8181 },
      "*:8181": { hostname: "0.0.0.0", port: 8181 },
      "[::]:65535": { hostname: "::", port: 65_535 },
    },
    [
      "",
      "8181",
      "127.0.0.1",
      "::1:8181",
      "[::1]",
      "[x]:1",
      "[127.0.0.1]:1",
      "a b:1",
      "http://a:1",
      "a:65536",
      "a:-1",
    ].concat(["a:1x", "a:", "[]:1", "*.x:1", "a:123456", "a/b:1", "user@a:1"]),
  ],
  [
    "a provider's base",
    baseUrl,
    {
      "http://localhost:8000/v1": "http://localhost:8000/v1",
      "https://x.example/": "https://x.example",
      "https://x.example///": "https://x.example",
      "HTTPS://X.example/A": "https://x.example/A",
      "http://[::1]:9": "http://[::1]:9",
    },
    [
      "",
      "localhost:8000",
      "ftp://x",
      "http://",
      "http:///x",
      "http:/x",
      "http://u:p@x",
      "http://u@x",
      "http://:p@x",
    ]
      .concat([
        "http://x?a=1",
        "http://x?",
        "http://x#",
        "http://x/#a",
        " http://x",
        "http://x y",
        "http://a\\b",
      ])
      .concat(["http://x:99999", "file:///etc", "javascript:1"]),
  ],
  [
    "a host name",
    hostName,
    { "Box.Example.org": "box.example.org", "*.example.org": "*.example.org", "::1": "::1", box: "box" },
    ["", "*", "http://x", "x:80", "a b", "x/y", "*.*.x", "-x"],
  ],
  [
    "a web page's origin",
    origin,
    {
      "https://app.example": "https://app.example",
      "http://app:3000/": "http://app:3000",
      "*": "*",
      "moz-extension://ab-1": "moz-extension://ab-1",
    },
    [
      "",
      "app.example",
      "https://app.example/x",
      "null",
      "**",
      "x-extension://",
      "file://",
      "https://u@app.example",
      "https://a?x",
    ],
  ],
];

for (const [what, kind, good, bad] of table) {
  test(`${what} is read as its table says, and nothing else is`, () => {
    for (const [text, value] of Object.entries(good)) assert.deepEqual(kind.parse(text), value, text);
    for (const text of bad) assert.equal(kind.parse(text), null, JSON.stringify(text));
  });

  test(`${what} is written so that it reads back the same`, () => {
    for (const value of Object.values(good)) assert.deepEqual(kind.parse(kind.format(value)), value);
  });
}

test("every whole number of milliseconds and of bytes survives being written and read", () => {
  for (const kind of [duration, size]) {
    fc.assert(fc.property(fc.nat(), (value) => assert.equal(kind.parse(kind.format(value)), value)));
  }
});

test("no text makes a kind throw", () => {
  for (const [, kind] of table) fc.assert(fc.property(fc.string(), (text) => kind.parse(text) !== undefined));
});
