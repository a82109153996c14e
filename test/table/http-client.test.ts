import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Fetched, Source } from "../../src/host.ts";
import { Caller } from "../../src/http/client/caller.ts";
import { Pool } from "../../src/http/client/pool.ts";
import { octets } from "../../src/http/octets.node.ts";
import { Scratch } from "../../src/http/outlet.ts";
import { latin1, TestWire, turn } from "../support/http-wire.ts";

const URL_ = "http://provider.test:8080/v1/chat?x=1";
const giving = () => ({
  given: false,
  onGiven: undefined as (() => void) | undefined,
  give() {
    this.given = true;
    this.onGiven?.();
  },
});
const post = (body = "hi") => ({
  method: "POST",
  headers: new Headers({ "content-type": "a/b" }),
  body: latin1(body),
  giving: giving(),
});
const sourceOf = (fetched: Fetched) => fetched.body as Source;

async function textOf(fetched: Fetched): Promise<string> {
  let text = "";
  if (fetched.body === null) return text;
  for (;;) {
    const piece = await sourceOf(fetched).read();
    if (piece === undefined) return text;
    text += octets.latin1(piece, 0, piece.byteLength);
  }
}

/** A pool whose connections are in the test's hands. */
function testPool() {
  const dialled: { wire: TestWire; caller: Caller }[] = [];
  let now = 0;
  const pool = new Pool({
    clock: { now: () => 0, monotonic: () => now },
    dial: async (_place, ends) => {
      const wire = new TestWire();
      const caller = new Caller({ wire, scratch: new Scratch(octets), ...ends });
      wire.onClosed = () => caller.closed();
      dialled.push({ wire, caller });
      return caller;
    },
  });
  return {
    pool,
    dialled,
    pass: (ms: number) => {
      now += ms;
    },
    /** The n-th connection, opened by now. */
    async at(n: number) {
      await turn();
      const one = dialled[n];
      assert.ok(one, `connection ${n} was dialled`);
      return { ...one, send: (text: string) => one.caller.data(latin1(text)) };
    },
  };
}

/** What a fresh connection makes of these pieces, then of the end. */
async function answerTo(
  pieces: readonly string[],
  { method = "POST", end = "open" }: { method?: string; end?: "open" | "ended" | "closed" } = {},
) {
  const { pool, at } = testPool();
  const asked = pool.fetch(URL_, { ...post(), method });
  const got = asked.then(
    async (fetched) => ({
      status: fetched.status,
      headers: [...fetched.headers],
      text: await textOf(fetched).catch((error: Error) => `broken: ${error.message}`),
    }),
    (error: Error) => ({ status: 0, headers: [], text: error.message }),
  );
  const { wire, caller, send } = await at(0);
  for (const piece of pieces) send(piece);
  await turn();
  if (end === "ended") caller.ended();
  if (end === "closed") caller.closed();
  return { got, wire, caller, pool };
}

test("a request goes out in one write with what its headers say, its length and its server's name", async () => {
  const { wire } = await answerTo([]);
  assert.equal(wire.written.length, 1);
  assert.equal(
    wire.text,
    "POST /v1/chat?x=1 HTTP/1.1\r\nHost: provider.test:8080\r\nContent-Type: a/b\r\nAccept: */*\r\n" +
      "Content-Length: 2\r\nConnection: keep-alive\r\n\r\nhi",
  );
});

const ANSWERS: readonly (readonly [name: string, bytes: string, text: string])[] = [
  ["a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello", "hello"],
  ["no bytes", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""],
  [
    "chunks",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nT: t\r\n\r\n",
    "hello",
  ],
  [
    "an interim answer",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "ok",
  ],
  ["lines that end in LF", "HTTP/1.1 200 OK\nContent-Length: 2\nA: b\n\nok", "ok"],
  ["the same length twice", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "ok"],
  ["no reason", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", "ok"],
];

for (const [name, bytes, text] of ANSWERS) {
  test(`an answer with ${name} is the same wherever its bytes are split`, async () => {
    for (let at = 0; at <= bytes.length; at++) {
      const { got, caller } = await answerTo(
        [bytes.slice(0, at), bytes.slice(at)].filter((piece) => piece !== ""),
      );
      assert.deepEqual([(await got).status, (await got).text], [200, text], `split at ${at}`);
      assert.equal(caller.open, true, `split at ${at}`);
    }
    const single = await answerTo([...bytes]);
    assert.equal((await single.got).text, text);
  });
}

test("a body without length or chunks goes on to the connection's clean end, and only that ends it whole", async () => {
  const head = "HTTP/1.1 200 OK\r\n\r\nhel";
  const whole = await answerTo([head, "lo"], { end: "ended" });
  assert.deepEqual([(await whole.got).text, whole.caller.open], ["hello", false]);
  const broken = await answerTo([head, "lo"], { end: "closed" });
  assert.match((await broken.got).text, /^broken: .*ECONNRESET/);
});

test("an answer that ends before its length or its last chunk is broken, never short", async () => {
  for (const end of ["ended", "closed"] as const) {
    for (const head of ["Content-Length: 9", "Transfer-Encoding: chunked"]) {
      const { got } = await answerTo([`HTTP/1.1 200 OK\r\n${head}\r\n\r\n3\r\nhel\r\n`.slice(0, 60)], {
        end,
      });
      assert.match((await got).text, /^broken: /, `${head} ${end}`);
    }
    assert.match((await (await answerTo(["HTTP/1.1 200 OK\r\nConten"], { end })).got).text, /broke off/);
  }
});

test("heads that two readers could take for two things are refused, and their connection ends", async () => {
  const heads = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA b: c\r\n\r\n",
    "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: c\r\n\r\n",
    "HTTP/2 200\r\n\r\n",
    "ICY 200 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
  ];
  for (const head of heads) {
    const { got, wire, caller } = await answerTo([head]);
    assert.equal((await got).status, 0, head);
    assert.deepEqual([wire.ending, caller.open], ["terminate", false], head);
  }
  const { got, wire } = await answerTo(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]);
  assert.match((await got).text, /^broken: .*malformed chunk/);
  assert.equal(wire.ending, "terminate");
});

test("a head without end is given up past its bound", async () => {
  const { got, caller } = await answerTo(["HTTP/1.1 200 OK\r\n", `A: ${"b".repeat(300_000)}\r\n`]);
  assert.match((await got).text, /too large/);
  assert.equal(caller.open, false);
});

test("answers that have no body whatever they say", async () => {
  const head = await answerTo(["HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"], { method: "HEAD" });
  assert.deepEqual([(await head.got).text, head.caller.open], ["", true]);
  for (const status of [204, 304]) {
    const { got, caller } = await answerTo([`HTTP/1.1 ${status} X\r\nContent-Length: 7\r\n\r\n`]);
    assert.deepEqual([(await got).status, (await got).text, caller.open], [status, "", true]);
  }
});

test("a connection is used again after a whole answer, and never after another one", async () => {
  const again = async (answer: string) => {
    const { pool, dialled, at } = testPool();
    const asked = pool.fetch(URL_, post());
    (await at(0)).send(answer);
    await textOf(await asked);
    pool.fetch(URL_, post()).catch(() => {});
    await turn();
    return dialled.length === 1;
  };
  const whole = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
  assert.equal(await again(`${whole}\r\nok`), true);
  assert.equal(await again(`${whole}Connection: close\r\n\r\nok`), false);
  assert.equal(await again("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"), false);
  assert.equal(await again("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok"), true);
  assert.equal(await again(`${whole}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`), false);
  // What nobody asked for might answer the next request.
  assert.equal(await again(`${whole}\r\nokHTTP/1.1 200 OK\r\n`), false);
  assert.equal(await again(`${whole}Keep-Alive: timeout=5, max=100\r\n\r\nok`), true);
  assert.equal(await again(`${whole}Keep-Alive: timeout=1\r\n\r\nok`), false);
});

test("what comes over an idle connection ends it", async () => {
  const { pool, at, dialled } = testPool();
  const asked = pool.fetch(URL_, post());
  const { send, wire } = await at(0);
  send("HTTP/1.1 204 No\r\n\r\n");
  await asked;
  send("HTTP/1.1 200 OK\r\n");
  assert.equal(wire.ending, "terminate");
  pool.fetch(URL_, post()).catch(() => {});
  await turn();
  assert.equal(dialled.length, 2);
});

test("an answer that comes before its request has gone out whole ends its connection", async () => {
  const { pool, at, dialled } = testPool();
  // The first connection takes all; the second a part.
  const first = pool.fetch(URL_, post());
  const { wire, send } = await at(0);
  send("HTTP/1.1 204 No\r\n\r\n");
  await first;
  wire.room = 20;
  const second = pool.fetch(URL_, post("x".repeat(100)));
  await turn();
  send("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
  assert.equal(await textOf(await second), "no");
  assert.equal(wire.ending, "end");
  pool.fetch(URL_, post()).catch(() => {});
  await turn();
  assert.equal(dialled.length, 2);
});

test("a used connection whose end crosses a request is replaced once, where the request may be sent twice", async () => {
  const { pool, at, dialled } = testPool();
  const use = async (n: number, method = "GET") => {
    const asked = pool.fetch(URL_, { ...post(), method });
    asked.catch(() => {});
    return { asked, ...(await at(n)) };
  };
  const free = async (n: number) => {
    const { asked, send } = await use(n);
    send("HTTP/1.1 204 No\r\n\r\n");
    await asked;
  };
  await free(0);
  const second = await use(0);
  second.caller.ended();
  (await at(1)).send("HTTP/1.1 204 No\r\n\r\n");
  assert.equal((await second.asked).status, 204);
  // Whether the provider read it is not known, and it would be paid for twice.
  const paid = await use(1, "POST");
  paid.caller.closed("ECONNRESET");
  await assert.rejects(paid.asked, { code: "ECONNRESET" });
  await free(2);
  const begun = await use(2);
  begun.send("HTTP/1.1 2");
  begun.caller.ended();
  await assert.rejects(begun.asked, { code: "ECONNRESET" });
  const unused = await use(3);
  unused.caller.ended();
  await assert.rejects(unused.asked, { code: "ECONNRESET" });
  assert.equal(dialled.length, 4);
});

test("whoever gives a call up breaks its connection, but not that of the request that uses it next", async () => {
  const { pool, at, dialled } = testPool();
  const early = giving();
  const first = pool.fetch(URL_, { ...post(), giving: early });
  const { send, wire } = await at(0);
  send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  const unread = await first;
  const second = pool.fetch(URL_, post());
  await turn();
  assert.equal(dialled.length, 1);
  early.give();
  sourceOf(unread).leave();
  assert.equal(wire.ending, "");
  send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  const left = await second;
  sourceOf(left).leave();
  assert.equal(wire.ending, "terminate");
  const before = giving();
  const third = pool.fetch(URL_, { ...post(), giving: before });
  const { wire: other } = await at(1);
  before.give();
  await assert.rejects(third, { name: "AbortError" });
  assert.equal(other.ending, "terminate");
});

test("a body that nobody reads makes its provider wait, and goes on as it is read", async () => {
  const { pool, at } = testPool();
  const asked = pool.fetch(URL_, post());
  const { wire, send } = await at(0);
  send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  const fetched = await asked;
  for (let n = 0; n < 5; n++) send("x".repeat(100_000));
  assert.equal(wire.paused, true);
  let read = 0;
  while (wire.paused) read += (await sourceOf(fetched).read())?.byteLength ?? 0;
  assert.ok(read >= 400_000, `${read}`);
  for (let n = 0; n < 5; n++) send("x".repeat(100_000));
  // Whole by now: the next request must not find the connection standing still.
  assert.equal(wire.paused, false);
  assert.equal(read + (await textOf(fetched)).length, 1_000_000);
});

test("idle connections end before their server ends them", async () => {
  for (const [line, lasts] of [
    ["", 4_000],
    ["Keep-Alive: timeout=75\r\n", 60_000],
    ["Keep-Alive: timeout=15\r\n", 14_000],
  ] as const) {
    const { pool, at, pass } = testPool();
    const asked = pool.fetch(URL_, post());
    const { send, wire } = await at(0);
    send(`HTTP/1.1 204 No\r\n${line}\r\n`);
    await asked;
    pass(lasts - 1);
    pool.sweep();
    assert.equal(wire.ending, "", line);
    pass(1);
    pool.sweep();
    assert.equal(wire.ending, "end", line);
  }
});

test("whatever a provider sends, a call ends with an answer or an error and one connection", async () => {
  const piece = fc.constantFrom(
    ..."HTTP/1.1 200 OK\r\n|Content-Length: 3\r\n|Transfer-Encoding: chunked\r\n|\r\n|3\r\nabc\r\n|0\r\n\r\n|abc|\n|:|\0|é".split(
      "|",
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      const { got, caller } = await answerTo(pieces, { end: "ended" });
      const { status, text } = await got;
      assert.ok(status === 0 ? text !== "" : status === 200, `${status} ${text}`);
      assert.equal(caller.open, false);
    }),
  );
});

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

test("who polls gets what one reading brought in one piece, in the call that brought it, then the end or the break", async () => {
  for (const [rest, end] of [
    ["0\r\n\r\n", undefined],
    ["zz\r\n", "broken"],
  ] as const) {
    const { pool, at } = testPool();
    const asked = pool.fetch(URL_, post());
    const { send } = await at(0);
    send(CHUNKED);
    const source = sourceOf(await asked);
    const seen: (string | undefined)[] = [];
    const goOn = (): void => {
      try {
        for (let piece = source.poll?.(goOn); piece !== null; piece = source.poll?.(goOn)) {
          seen.push(piece && octets.latin1(piece, 0, piece.byteLength));
          if (piece === undefined) return;
        }
      } catch {
        seen.push("broken");
      }
    };
    goOn();
    send("3\r\nabc\r\n2\r\nde\r\n1\r\n");
    assert.deepEqual(seen, ["abcde"]);
    send(`f\r\n${rest}`);
    assert.deepEqual(seen, ["abcde", "f", end]);
  }
});

test("who gives the call up in the middle of its last bytes leaves a connection that nobody uses again", async () => {
  for (const head of [CHUNKED, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n"]) {
    const { pool, at, dialled } = testPool();
    const call = giving();
    const asked = pool.fetch(URL_, { ...post(), giving: call });
    const { wire, send } = await at(0);
    send(head);
    const source = sourceOf(await asked);
    assert.equal(
      source.poll?.(() => call.give()),
      null,
    );
    send(head === CHUNKED ? "3\r\nabc\r\n0\r\n\r\n" : "12345678");
    assert.equal(wire.ending, "terminate");
    void pool.fetch(URL_, post()).catch(() => {});
    await turn();
    assert.equal(dialled.length, 2);
  }
});
