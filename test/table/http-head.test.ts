import assert from "node:assert/strict";
import { test } from "node:test";
import { headerCase } from "../../src/header-case.ts";
import { answerLines } from "../../src/http/answer-head.ts";
import { parseHead, type RequestHead } from "../../src/http/head.ts";
import { Refusal } from "../../src/http/refusal.ts";

const read = (text: string) => parseHead(text, "http");
const lines = (...more: string[]) => ["POST /v1/x?a=b HTTP/1.1", "Host: h:81", ...more].join("\r\n");
function good(text: string): RequestHead {
  const head = read(text);
  assert.ok(!(head instanceof Refusal), head instanceof Refusal ? head.why : "");
  return head;
}

test("a head's parts are what was sent, and its text is kept", () => {
  const text = lines("X-A:  one \t", "x-a: two", "Content-Length: 12", "X-Empty:");
  const head = good(text);
  assert.deepEqual(
    [head.method, head.url, head.old, head.keep, head.body, head.expects, head.text],
    ["POST", "http://h:81/v1/x?a=b", false, true, 12, false, text],
  );
  assert.deepEqual(head.headers, [
    ["Host", "h:81"],
    ["X-A", "one"],
    ["x-a", "two"],
    ["Content-Length", "12"],
    ["X-Empty", ""],
  ]);
});

const refused: readonly (readonly [what: string, status: number, head: string])[] = [
  ["no version", 400, "GET /\r\nHost: h"],
  ["two blanks", 400, "GET  / HTTP/1.1\r\nHost: h"],
  ["a blank behind", 400, "GET / HTTP/1.1 \r\nHost: h"],
  ["a tab between", 400, "GET\t/ HTTP/1.1\r\nHost: h"],
  ["an empty line", 400, ""],
  ["a version in small letters", 400, "GET / http/1.1\r\nHost: h"],
  ["HTTP/2.0", 505, "PRI * HTTP/2.0"],
  ["HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: h"],
  ["HTTP/0.9", 505, "GET / HTTP/0.9"],
  ["a method in small letters", 501, "post / HTTP/1.1\r\nHost: h"],
  ["an unknown method", 501, "FOO / HTTP/1.1\r\nHost: h"],
  ["a NUL in the target", 400, "GET /\0 HTTP/1.1\r\nHost: h"],
  ["a target that is no path", 400, "GET v1/x HTTP/1.1\r\nHost: h"],
  ["another scheme", 400, "GET ftp://h/ HTTP/1.1\r\nHost: h"],
  ["a user in the authority", 400, "GET http://u@h/ HTTP/1.1\r\nHost: h"],
  ["an asterisk with GET", 400, "GET * HTTP/1.1\r\nHost: h"],
  ["a path with CONNECT", 400, "CONNECT /x HTTP/1.1\r\nHost: h"],
  ["no Host", 400, "GET / HTTP/1.1"],
  ["two Hosts", 400, "GET / HTTP/1.1\r\nHost: h\r\nHost: h"],
  ["a blank in Host", 400, "GET / HTTP/1.1\r\nHost: a b"],
  ["a path in Host", 400, "GET / HTTP/1.1\r\nHost: a/b"],
  ["a blank before the colon", 400, lines("X-A : b")],
  ["a folded line", 400, lines("X-A: b", " c")],
  ["a folded first line", 400, "GET / HTTP/1.1\r\n Host: h"],
  ["no colon", 400, lines("X-A")],
  ["no name", 400, lines(": b")],
  ["a bare LF", 400, lines("X-A: b\nX-B: c")],
  ["a bare CR", 400, lines("X-A: b\rX-B: c")],
  ["a NUL in a value", 400, lines("X-A: \0")],
  ["a control in a value", 400, lines("X-A: a\x07b")],
  ["a length with a sign", 400, lines("Content-Length: +2")],
  ["a negative length", 400, lines("Content-Length: -1")],
  ["a length in hex", 400, lines("Content-Length: 0x2")],
  ["no digits", 400, lines("Content-Length:")],
  ["a length that no number holds", 400, lines("Content-Length: 9999999999999999")],
  ["a list of lengths", 400, lines("Content-Length: 2, 2")],
  ["two lengths", 400, lines("Content-Length: 2", "Content-Length: 3")],
  ["the same length in other digits", 400, lines("Content-Length: 2", "Content-Length: 02")],
  ["a length and chunks", 400, lines("Content-Length: 2", "Transfer-Encoding: chunked")],
  ["chunks and a length", 400, lines("Transfer-Encoding: chunked", "Content-Length: 2")],
  ["another coding", 501, lines("Transfer-Encoding: gzip, chunked")],
  ["identity", 501, lines("Transfer-Encoding: identity")],
  ["chunked twice", 501, lines("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")],
  ["an odd blank in the coding", 400, lines("Transfer-Encoding: \x0bchunked")],
  ["a quoted coding", 501, lines('Transfer-Encoding: "chunked"')],
  ["chunks with HTTP/1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked"],
  ["another expectation", 417, lines("Expect: 200-ok")],
  ["1,000 header lines", 431, lines(...Array.from({ length: 1000 }, (_, i) => `X-${i}: v`))],
];
for (const [what, status, text] of refused) {
  test(`refused with ${status}: ${what}`, () => {
    const head = read(text);
    assert.ok(head instanceof Refusal, JSON.stringify(head));
    assert.equal(head.status, status);
  });
}

const urls: readonly (readonly [line: string, host: string, url: string])[] = [
  ["GET /a/../b//c?x=%zz#f HTTP/1.1", "h", "http://h/a/../b//c?x=%zz#f"],
  ["GET //other/y HTTP/1.1", "h", "http://h//other/y"],
  ["GET /\xc3\xa9\xff HTTP/1.1", "h", "http://h/%C3%A9%FF"],
  ["GET http://other:82/p?q HTTP/1.1", "h", "http://other:82/p?q"],
  ["GET HTTPS://other HTTP/1.1", "h", "http://other/"],
  ["GET http://other?q HTTP/1.1", "h", "http://other/?q"],
  ["OPTIONS * HTTP/1.1", "h", "http://h/*"],
  ["CONNECT a.b:443 HTTP/1.1", "h", "http://a.b:443/"],
  ["GET /x HTTP/1.1", "[::1]:8181", "http://[::1]:8181/x"],
  ["GET /x HTTP/1.1", "", "http://localhost/x"],
];
for (const [line, host, url] of urls) {
  test(`${JSON.stringify(line)} at ${host || "no host"} is ${url}`, () => {
    assert.equal(good(`${line}\r\nHost: ${host}`).url, url);
  });
}

test("of a whole URL the authority is the Host that counts", () => {
  assert.deepEqual(good("GET http://other/ HTTP/1.1\r\nhost: h").headers, [["Host", "other"]]);
});

test("the same length twice counts once", () => {
  const head = good(lines("Content-Length: 2", "Content-Length: 2"));
  assert.equal(head.body, 2);
  assert.equal(head.headers.filter(([name]) => name === "Content-Length").length, 1);
});

test("whether the connection is kept follows the version and Connection", () => {
  const keeps = (version: string, ...more: string[]) =>
    good([`GET / HTTP/${version}`, "Host: h", ...more].join("\r\n")).keep;
  assert.deepEqual(
    [
      keeps("1.1"),
      keeps("1.1", "Connection: x, Close"),
      keeps("1.1", "Connection: a", "Connection: close"),
      keeps("1.1", "Connection: closed"),
      keeps("1.0"),
      keeps("1.0", "Connection: Keep-Alive"),
    ],
    [true, false, false, true, false, true],
  );
});

test("an expectation counts with a body and HTTP/1.1 only", () => {
  assert.equal(good(lines("Expect: 100-Continue", "Content-Length: 1")).expects, true);
  assert.equal(good(lines("Expect: 100-continue")).expects, false);
  const old = good("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1");
  assert.equal(old.expects, false);
});

test("answer headers are written one a line, in the usual capitals, without those of the connection", () => {
  const headers = new Headers({
    "content-type": "a/b",
    "content-length": "7",
    connection: "close",
    etag: "\xe9",
  });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  headers.set("transfer-encoding", "chunked");
  const { lines: written, length, close, dated } = answerLines(headers);
  assert.equal(
    written.split("\r\n").sort().join("|"),
    "|Content-Type: a/b|Etag: \xe9|Set-Cookie: a=1|Set-Cookie: b=2",
  );
  assert.deepEqual([length, close, dated], [7, true, false]);
});

test("no header value begins a line of its own, whoever made the headers", () => {
  const evil = {
    *[Symbol.iterator]() {
      for (const value of ["a\r\nX-Evil: 1", "b\nc", "d\0", "\u010a\u010d"]) yield ["x-a", value];
    },
  } as unknown as Headers;
  const { lines: written } = answerLines(evil);
  assert.equal(written, "X-A: a X-Evil: 1\r\nX-A: b c\r\nX-A: d \r\nX-A:  \r\n");
  assert.throws(() => headerCase("x-a: b\r\nx"));
});
