import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { directReply, Reply } from "../../src/direct-reply.ts";
import type { Peer, Source } from "../../src/host.ts";
import { latin1, testServer, turn } from "../support/http-wire.ts";

const get = (path: string, ...lines: string[]) =>
  ["GET " + path + " HTTP/1.1", "Host: h", ...lines, "", ""].join("\r\n");
const post = (path: string, body: string, ...lines: string[]) =>
  [`POST ${path} HTTP/1.1`, "Host: h", ...lines, `Content-Length: ${body.length}`, "", body].join("\r\n");
const reply = (text: string, headers: Record<string, string> = {}) =>
  new Reply(latin1(text), { status: 200, headers: new Headers(headers) });
const pathOf = (request: Request) => new URL(request.url).pathname;
const bodyOf = (text: string) => text.slice(text.lastIndexOf("\r\n\r\n") + 4);

/** A source that is fed by hand. */
class Fed implements Source {
  left = false;
  reads = 0;
  #next = Promise.withResolvers<Uint8Array | undefined>();
  read() {
    this.reads += 1;
    return this.#next.promise;
  }
  leave() {
    this.left = true;
  }
  async feed(text: string | undefined) {
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers();
    resolve(text === undefined ? undefined : latin1(text));
    await turn();
  }
  async fail() {
    this.#next.reject(new Error("broken"));
    await turn();
  }
}
const streamed = (source: Source, headers: Record<string, string> = {}) =>
  new Reply(source, { status: 200, headers: new Headers(headers) });

test("an answer at hand goes out with its length in one write", async () => {
  const { wire, send } = testServer(() => reply("hello", { "content-type": "a/b" })).connect();
  send(get("/"));
  assert.equal(wire.written.length, 1);
  assert.equal(
    wire.text,
    "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 5\r\nDate: Tue, 14 Nov 2023 22:13:20 GMT\r\n\r\nhello",
  );
  assert.equal(wire.ending, "");
});

test("pipelined requests are answered in their order, whichever is ready first", async () => {
  const waiting = new Map<string, (response: Response) => void>();
  const { wire, send } = testServer(
    (request) => new Promise((resolve) => waiting.set(pathOf(request), resolve)),
  ).connect();
  send(get("/1") + get("/2") + post("/3", "abc"));
  assert.deepEqual([...waiting.keys()], ["/1"]);
  for (const path of ["/1", "/2", "/3"]) {
    waiting.get(path)?.(reply(path));
    await turn();
  }
  assert.deepEqual(
    [...wire.text.matchAll(/\r\n\r\n(\/\d)/g)].map(([, path]) => path),
    ["/1", "/2", "/3"],
  );
});

test("bytes behind a request under way are bounded: the client is made to wait, then goes on", async () => {
  const answer = Promise.withResolvers<Response>();
  const paths: string[] = [];
  const { wire, send } = testServer((request) => {
    paths.push(pathOf(request));
    return paths.length === 1 ? answer.promise : reply("x");
  }).connect();
  send(get("/1"));
  for (let i = 0; i < 70 && !wire.paused; i++) send(get("/2", `X-Long: ${"x".repeat(1000)}`));
  assert.equal(wire.paused, true);
  const held = paths.length;
  answer.resolve(reply("x"));
  await turn();
  assert.equal(held, 1);
  assert.equal(wire.paused, false);
  assert.equal(wire.statuses.length, paths.length);
});

test("any split of the bytes gives the same requests", async () => {
  const wire = latin1(
    `\r\n${post("/a", "0123456789")}${get("/b")}POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n${post("/a", "0123456789")}${get("/d")}`,
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 40 }),
      async (cuts) => {
        const seen: string[] = [];
        const { send } = testServer(async (request, { body }) => {
          const text = await request.text();
          if (body !== undefined) assert.equal(new TextDecoder().decode(body), text);
          seen.push(`${pathOf(request)} ${text}`);
          return reply("ok");
        }).connect();
        let at = 0;
        for (let i = 0; at < wire.byteLength; i++) {
          const size = cuts[i % cuts.length] as number;
          send(wire.slice(at, at + size));
          at += size;
        }
        await turn();
        assert.deepEqual(seen, ["/a 0123456789", "/b ", "/c abcde", "/a 0123456789", "/d "]);
      },
    ),
    { numRuns: 40 },
  );
});

test("a head that came before, in pieces this time, does not hide the end of the shorter one behind it", async () => {
  const seen: string[] = [];
  const { send } = testServer((request) => {
    seen.push(pathOf(request));
    return reply("x");
  }).connect();
  const long = get("/long", `X-Long: ${"x".repeat(300)}`);
  send(long);
  send(long.slice(0, 250));
  send(`${long.slice(250)}${get("/a")}`);
  send(get("/b"));
  assert.deepEqual(seen, ["/long", "/long", "/a", "/b"]);
});

test("what is refused is answered once, nothing behind it is read, and the connection closes", () => {
  let asked = 0;
  const { wire, send, connection } = testServer(() => {
    asked += 1;
    return reply("x");
  }).connect();
  send(
    `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get("/smuggled")}`,
  );
  send(get("/more"));
  assert.deepEqual([wire.statuses, asked, wire.ending], [[400], 0, "shutdown"]);
  assert.match(wire.text, /Connection: close/);
  connection.ended();
  assert.equal(wire.ending, "end");
});

test("a line that ends without CR is refused at once, though its head never ends", () => {
  const { wire, send } = testServer(() => reply("x")).connect();
  send("GET / HTTP/1.1\nHost: h\n\n");
  assert.deepEqual(wire.statuses, [400]);
});

test("a head over 256 KiB is a 431, whether it ends or not", () => {
  for (const end of ["", "\r\n\r\n"]) {
    const { wire, send } = testServer(() => reply("x")).connect();
    send(`GET / HTTP/1.1\r\nHost: h\r\nX: ${"x".repeat(270_000)}${end}`);
    assert.deepEqual(wire.statuses, [431]);
  }
});

test("a head that is not complete within a minute is a 408; an idle connection stays", () => {
  const started = testServer(() => reply("x"));
  const slow = started.connect();
  const idle = started.connect();
  slow.send("GET / HT");
  started.pass(59_000);
  started.server.sweep();
  assert.deepEqual(slow.wire.statuses, []);
  slow.send("T");
  started.pass(2_000);
  started.server.sweep();
  assert.deepEqual([slow.wire.statuses, idle.wire.ending], [[408], ""]);
});

test("a stream's head goes out before its first byte, each chunk in one write, and the end in one", async () => {
  const source = new Fed();
  const { wire, send } = testServer(() => streamed(source)).connect();
  send(get("/"));
  assert.match(wire.text, /^HTTP\/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: [^\r]+\r\n\r\n$/);
  await source.feed("a".repeat(17));
  await source.feed("");
  await source.feed("b");
  await source.feed(undefined);
  assert.deepEqual(
    wire.written.slice(1).map((bytes) => String.fromCharCode(...bytes)),
    [`11\r\n${"a".repeat(17)}\r\n`, "1\r\nb\r\n", "0\r\n\r\n"],
  );
  send(get("/"));
  assert.deepEqual([wire.statuses.length, wire.ending], [2, ""]);
});

test("a stream with a length goes out plain; more or fewer bytes than it said are a break", async () => {
  for (const [parts, ending] of [
    [["ab", "c"], ""],
    [["ab"], "terminate"],
    [["ab", "cd"], "terminate"],
  ] as const) {
    const source = new Fed();
    const { wire, send } = testServer(() => streamed(source, { "content-length": "3" })).connect();
    send(get("/"));
    for (const part of parts) await source.feed(part);
    await source.feed(undefined);
    assert.equal(wire.ending, ending, parts.join());
    assert.doesNotMatch(wire.text, /chunked|abcd/);
    if (ending === "") assert.equal(bodyOf(wire.text), "abc");
  }
});

test("a source that breaks off is a break and never a last chunk; so is a broken ordinary body", async () => {
  const source = new Fed();
  const { wire, send } = testServer(() => streamed(source)).connect();
  send(get("/"));
  await source.feed("abc");
  await source.fail();
  assert.equal(wire.ending, "terminate");
  assert.doesNotMatch(wire.text, /\r\n0\r\n/);
  const ordinary = testServer(() => {
    const body = new ReadableStream({ pull: () => Promise.reject(new Error("broken")) });
    return new Response(body, { headers: { "content-length": "5" } });
  }).connect();
  ordinary.send(get("/"));
  await turn();
  assert.equal(ordinary.wire.ending, "terminate");
});

test("an ordinary response that is there at once gets its length, one that takes time is a stream", async () => {
  const late = Promise.withResolvers<void>();
  const { wire, send } = testServer((request) => {
    if (pathOf(request) === "/page") return new Response("page");
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await late.promise;
        controller.enqueue(latin1("late"));
        controller.close();
      },
    });
    return new Response(body);
  }).connect();
  send(get("/page"));
  await turn();
  assert.match(wire.text, /Content-Length: 4\r\n.*\r\n\r\npage$/s);
  wire.written.length = 0;
  send(get("/late"));
  await turn();
  assert.match(wire.text, /Transfer-Encoding: chunked\r\n.*\r\n\r\n$/s);
  late.resolve();
  await turn();
  assert.match(wire.text, /\r\n\r\n4\r\nlate\r\n0\r\n\r\n$/);
});

test("a stalled reader holds one chunk and no more is read until it takes it", async () => {
  const source = new Fed();
  const { wire, send, connection } = testServer(() => streamed(source)).connect();
  send(get("/"));
  wire.room = 4;
  await source.feed("0123456789");
  assert.equal(source.reads, 1);
  wire.room = 3;
  connection.drain();
  assert.equal(source.reads, 1);
  wire.room = 1000;
  connection.drain();
  assert.equal(source.reads, 2);
  await source.feed(undefined);
  assert.match(wire.text, /\r\n\r\na\r\n0123456789\r\n0\r\n\r\n$/);
});

test("a large answer at hand goes out in order as the socket takes it", async () => {
  const body = new Uint8Array(3_000_000).map((_, i) => (i * 31) ^ (i >> 8));
  const { wire, send, connection } = testServer(
    () => new Reply(body, { status: 200, headers: new Headers() }),
  ).connect();
  wire.room = 100_000;
  send(get("/"));
  for (let i = 0; i < 40; i++) {
    wire.room = 100_000;
    connection.drain();
    await turn();
  }
  const all = wire.written.reduce((sum, part) => sum + part.byteLength, 0);
  const got = new Uint8Array(all);
  let at = 0;
  for (const part of wire.written) {
    got.set(part, at);
    at += part.byteLength;
  }
  assert.deepEqual(got.subarray(all - body.byteLength), body);
});

test("a client that goes away aborts the request's signal and leaves the source, a reset and a FIN alike", async () => {
  for (const how of ["closed", "ended"] as const) {
    const source = new Fed();
    let signal: AbortSignal | undefined;
    const { send, connection } = testServer((request) => {
      signal = request.signal;
      return streamed(source);
    }).connect();
    send(get("/"));
    await source.feed("a");
    assert.equal(signal?.aborted, false);
    connection[how]();
    assert.deepEqual([signal?.aborted, source.left], [true, true], how);
  }
});

test("an answer that comes after the client went is given up", async () => {
  const answer = Promise.withResolvers<Response>();
  const source = new Fed();
  const { wire, send, connection } = testServer(() => answer.promise).connect();
  send(get("/"));
  connection.closed();
  answer.resolve(streamed(source));
  await turn();
  assert.deepEqual([source.left, source.reads, wire.text], [true, 0, ""]);
});

test("HEAD, 204 and 304 have no body; HEAD keeps the length that it was told", async () => {
  const source = new Fed();
  const { wire, send } = testServer((request) =>
    pathOf(request) === "/h"
      ? streamed(source, { "content-length": "12" })
      : new Response(null, { status: Number(pathOf(request).slice(1)), headers: { "x-a": "b" } }),
  ).connect();
  send(get("/h").replace("GET", "HEAD"));
  assert.match(wire.text, /Content-Length: 12\r\n/);
  assert.equal(bodyOf(wire.text), "");
  assert.deepEqual([source.left, source.reads], [true, 0]);
  wire.written.length = 0;
  send(get("/204") + get("/304"));
  assert.deepEqual(wire.statuses, [204, 304]);
  assert.doesNotMatch(wire.text, /Content-Length|chunked/);
});

test("HTTP/1.0 gets no chunks, and is kept only where it asks", async () => {
  const source = new Fed();
  const handler = (request: Request) => (pathOf(request) === "/s" ? streamed(source) : reply("x"));
  const started = testServer(handler);
  const kept = started.connect();
  kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  assert.match(kept.wire.text, /Connection: keep-alive\r\n/);
  assert.equal(kept.wire.ending, "");
  kept.send("GET /s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  await source.feed("abc");
  await source.feed(undefined);
  assert.doesNotMatch(kept.wire.text, /chunked/);
  assert.deepEqual([bodyOf(kept.wire.text), kept.wire.ending], ["abc", "end"]);
  const plain = started.connect();
  plain.send("GET / HTTP/1.0\r\n\r\n");
  assert.match(plain.wire.text, /Connection: close\r\n/);
  assert.equal(plain.wire.ending, "end");
});

test("100 Continue is sent once the body is wanted, and not where it has come or nobody wants it", async () => {
  const go = Promise.withResolvers<void>();
  const handler = async (request: Request) => {
    await go.promise;
    return reply(pathOf(request) === "/read" ? await request.text() : "unread");
  };
  const started = testServer(handler);
  const head = (path: string) => post(path, "abc", "Expect: 100-continue").slice(0, -3);
  const [read, unread, sent] = [started.connect(), started.connect(), started.connect()];
  read.send(head("/read"));
  unread.send(head("/unread"));
  sent.send(`${head("/read")}abc`);
  assert.equal(read.wire.text, "");
  go.resolve();
  await turn();
  assert.deepEqual([read.wire.statuses, unread.wire.statuses, sent.wire.statuses], [[100], [200], [200]]);
  assert.match(unread.wire.text, /Connection: close/);
  read.send("abc");
  await turn();
  assert.deepEqual([read.wire.statuses, bodyOf(read.wire.text)], [[100, 200], "abc"]);
});

test("an early answer reaches the client: what it still sends is read for a while, then the connection ends", async () => {
  const { wire, send } = testServer(() => reply("early")).connect();
  send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nabc");
  assert.match(wire.text, /Connection: close\r\n\r\nearly$/);
  assert.equal(wire.ending, "shutdown");
  for (let i = 0; i < 4; i++) send(new Uint8Array(100_000));
  assert.equal(wire.ending, "end");
});

test("a body that is read makes the client wait where the reader is slow, and is whole", async () => {
  const read: Uint8Array[] = [];
  const go = Promise.withResolvers<void>();
  const { wire, send } = testServer(async (request) => {
    const reader = (request.body as ReadableStream<Uint8Array>).getReader();
    await go.promise;
    for (let part = await reader.read(); !part.done; part = await reader.read()) read.push(part.value);
    return reply("x");
  }).connect();
  send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 400000\r\n\r\n");
  for (let i = 0; i < 3; i++) send(new Uint8Array(100_000).fill(i));
  assert.equal(wire.paused, true);
  go.resolve();
  await turn();
  assert.equal(wire.paused, false);
  send(new Uint8Array(100_000).fill(3));
  await turn();
  assert.deepEqual([read.reduce((sum, part) => sum + part.byteLength, 0), wire.statuses], [400_000, [200]]);
});

test("a body that breaks off, or whose chunks do, rejects the read", async () => {
  for (const how of ["closed", "ended", "chunks"] as const) {
    const result = Promise.withResolvers<string>();
    const { send, connection, wire } = testServer(async (request) => {
      result.resolve(await request.text().catch((error) => `rejected: ${error.message.slice(0, 10)}`));
      return reply("bad");
    }).connect();
    send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    if (how === "chunks") send("zz\r\n");
    else connection[how]();
    assert.match(await result.promise, /^rejected/, how);
    await turn();
    if (how === "chunks") assert.match(wire.text, /Connection: close/);
  }
});

test("a handler that throws or rejects is a 500, and the connection goes on", async () => {
  const { wire, send } = testServer((request) => {
    if (pathOf(request) === "/throw") throw new Error("x");
    return pathOf(request) === "/reject" ? Promise.reject(new Error("x")) : reply("x");
  }).connect();
  send(get("/throw"));
  send(get("/reject"));
  await turn();
  send(get("/"));
  assert.deepEqual([wire.statuses, wire.ending], [[500, 500, 200], ""]);
});

test("draining ends idle connections at once and busy ones behind their answer, then resolves", async () => {
  const answer = Promise.withResolvers<Response>();
  const started = testServer(() => answer.promise);
  const [idle, busy] = [started.connect(), started.connect()];
  busy.send(get("/1") + get("/2"));
  let drained = false;
  const draining = started.server.drain().then(() => {
    drained = true;
  });
  assert.deepEqual([idle.wire.ending, busy.wire.ending], ["end", ""]);
  idle.connection.closed();
  answer.resolve(reply("x"));
  await turn();
  assert.deepEqual([busy.wire.statuses, drained], [[200], false]);
  assert.match(busy.wire.text, /Connection: close/);
  busy.connection.closed();
  await draining;
});

/** Repeats that answer bodies beginning with "known" at paths with /known. */
function scripted() {
  const asked: string[] = [];
  return {
    asked,
    find: (head: string) => (head.startsWith("POST /known") ? { head } : undefined),
    answer(_known: object, body: Uint8Array, address: string) {
      asked.push(`${address} ${body.byteLength}`);
      const good = String.fromCharCode(...body.subarray(0, 5)) === "known";
      return good ? { head: "HTTP/1.1 200 OK\r\nX-Cache-Status: HIT\r\n", body: latin1("hit") } : undefined;
    },
  };
}

test("a repeat is answered without the handler, in whatever pieces its body comes, and in its place in line", async () => {
  const repeats = scripted();
  const peers: Peer[] = [];
  const { wire, send } = testServer((_, peer) => {
    peers.push(peer);
    return reply("handled");
  }, repeats).connect();
  const body = `known${"x".repeat(200_000)}`;
  const request = latin1(post("/known", body));
  send(request);
  send(request.slice(0, 60_000));
  send(request.slice(60_000, 60_001));
  send(new Uint8Array([...request.slice(60_001), ...latin1(get("/other")), ...request]));
  await turn();
  assert.deepEqual(
    [...wire.text.matchAll(/\r\n\r\n(hit|handled)/g)].map(([, one]) => one),
    ["hit", "hit", "handled", "hit"],
  );
  assert.deepEqual(repeats.asked, Array(3).fill("192.0.2.1 200005"));
  assert.equal(peers.length, 1);
  assert.match(
    wire.text,
    /^HTTP\/1.1 200 OK\r\nX-Cache-Status: HIT\r\nContent-Length: 3\r\nDate: [^\r]+\r\n\r\nhit/,
  );
});

test("what the repeats decline is the handler's, with its whole body, in one piece or in several", async () => {
  const bodies: string[] = [];
  const { send } = testServer(async (request, { body }) => {
    bodies.push(`${new TextDecoder().decode(body)} ${await request.text()}`);
    return reply("x");
  }, scripted()).connect();
  const request = latin1(post("/known", "other body"));
  send(request);
  await turn();
  send(request.slice(0, -4));
  send(request.slice(-4));
  await turn();
  assert.deepEqual(bodies, Array(2).fill("other body other body"));
});

test("a body that a repeat waits for goes to the handler after 5 s, and over 1 MiB at once", async () => {
  let asked = 0;
  const started = testServer(async (request) => {
    asked += 1;
    return reply(String((await request.text()).length));
  }, scripted());
  const slow = started.connect();
  slow.send(post("/known", "known body").slice(0, -4));
  started.pass(5_001);
  started.server.sweep();
  assert.equal(asked, 1);
  slow.send("body");
  await turn();
  assert.equal(bodyOf(slow.wire.text), "10");
  const large = started.connect();
  const text = post("/known", "known".repeat(300_000));
  large.send(text.slice(0, 1000));
  assert.equal(asked, 2);
  large.send(text.slice(1000));
  await turn();
  assert.equal(bodyOf(large.wire.text), "1500000");
});

test("a repeat whose answer the socket does not take holds back the next request", () => {
  const { wire, send, connection } = testServer(() => reply("handled"), scripted()).connect();
  wire.room = 10;
  send(post("/known", "known") + get("/next"));
  connection.drain();
  assert.equal(wire.text.length, 10);
  wire.room = 10_000;
  connection.drain();
  assert.deepEqual(
    [...wire.text.matchAll(/\r\n\r\n(hit|handled)/g)].map(([, one]) => one),
    ["hit", "handled"],
  );
});

test("a reply without native parts goes out like any other, and another response can be made from its head", async () => {
  const made = (body: Uint8Array | undefined) =>
    directReply(body, { status: 201, headers: new Headers({ "x-a": "b" }) });
  const { wire, send } = testServer(() => made(latin1("hello"))).connect();
  send(get("/"));
  assert.match(wire.text, /^HTTP\/1\.1 201 Created\r\nX-A: b\r\n.*\r\n\r\nhello$/s);
  assert.ok(made(undefined) instanceof Response);
  const { status, statusText, headers, ok, body } = new Response(null, made(latin1("hello")));
  assert.deepEqual([status, statusText, headers.get("x-a"), ok, body], [201, "", "b", true, null]);
});
