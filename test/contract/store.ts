import assert from "node:assert/strict";
import { test } from "node:test";
import { type Body, type Entry, memoryBody, SLICE_BYTES } from "../../src/cache/entry.ts";
import type { Store } from "../../src/cache/store.ts";
import { entryOf, keyOf, MIB, noise, wholeBody } from "../support/store.ts";

export interface Contract {
  /** A new, empty store; without a size it has room for at least 64 MiB. */
  open(maxSize?: number): Promise<Store>;
  /** Whether bodies over SLICE_BYTES are kept. */
  readonly largeBodies: boolean;
}

/** What every store promises (`src/cache/store.ts`). */
export function storeContract(name: string, { open, largeBodies }: Contract): void {
  const claim = (title: string, body: (store: Store) => Promise<void>) =>
    test(`${name}: ${title}`, async () => {
      const store = await open();
      try {
        await body(store);
      } finally {
        await store.close();
      }
    });

  claim("a key never put is a miss", async (store) => {
    assert.equal(store.get(keyOf(1)), undefined);
    assert.equal(store.stats().entries, 0);
  });

  claim("an entry comes back with every fact and byte", async (store) => {
    const entry = entryOf(1, "hello ü \u0000 world", {
      status: 404,
      headers: [
        ["content-type", "text/event-stream"],
        ["x-twice", "1"],
        ["x-twice", "2"],
        ["constructor", "a"],
        ["__proto__", "b"],
        ["x-latin", "\u00e9\u00ff"],
      ],
      facts: {
        provider: "__proto__",
        endpoint: "chat",
        model: "m\u0000\ud800",
        namespace: "exp-7",
        pool: "all",
        stream: true,
      },
      startedAt: 1_700_000_000_000.5,
      storedAt: 1_700_000_000_100.25,
      ttlMs: 1500,
      firstByteMs: 12.5,
      durationMs: 99.75,
      asked: keyOf(2),
      chunks: [
        { end: 3, atMs: 0 },
        { end: 3, atMs: 130 },
        { end: 16, atMs: 70_000 },
      ],
    });
    await store.put(entry);
    assertSame(store.get(entry.key), entry);
  });

  claim("absent and endless values stay what they are", async (store) => {
    const facts = { ...entryOf(0, "").facts, model: undefined };
    await store.put(entryOf(1, "a", { ttlMs: Infinity, facts, chunks: [], headers: [] }));
    const entry = store.get(keyOf(1));
    assert.equal(entry?.ttlMs, Infinity);
    assert.deepEqual(entry?.chunks, []);
    assert.deepEqual(entry?.headers, []);
    assert.equal(entry?.facts.model, undefined);
    await store.put(entryOf(2, "b", { ttlMs: 0 }));
    assert.equal(store.get(keyOf(2))?.ttlMs, 0);
    await store.put(entryOf(3, "c"));
    assert.equal(store.get(keyOf(3))?.ttlMs, undefined);
    assert.equal(store.get(keyOf(3))?.chunks, undefined);
  });

  const sizes = [0, 1, 1023, 1024, 32 * 1024, SLICE_BYTES - 1, SLICE_BYTES];
  const largeSizes = [SLICE_BYTES + 1, 2 * SLICE_BYTES, 3 * MIB + 17];
  for (const size of largeBodies ? [...sizes, ...largeSizes] : sizes) {
    claim(`a body of ${size} bytes comes back as it was, packed or not`, async (store) => {
      const text = new Uint8Array(size).map((_, at) => 97 + (at % 23));
      await store.put(entryOf(1, noise(size)));
      const random = noise(size);
      await store.put(entryOf(2, random));
      await store.put(entryOf(3, text));
      for (const [n, bytes] of [
        [2, random],
        [3, text],
      ] as const) {
        const entry = store.get(keyOf(n));
        assert.ok(entry, `entry ${n}`);
        assert.equal(entry.body.size, size);
        assert.equal(entry.body.bytes !== undefined, size <= SLICE_BYTES);
        assert.deepEqual(wholeBody(entry), bytes);
      }
    });
  }

  claim("a body given in slices of odd lengths is kept whole", async (store) => {
    const bytes = noise(largeBodies ? 2 * SLICE_BYTES + 100 : SLICE_BYTES);
    const body: Body = {
      size: bytes.byteLength,
      bytes: bytes.byteLength <= SLICE_BYTES ? bytes : undefined,
      slice: (offset) => bytes.subarray(offset, offset + 70_001),
      hold: () => () => {},
    };
    await store.put({ ...entryOf(1, ""), body });
    assert.deepEqual(wholeBody(store.get(keyOf(1)) as Entry), bytes);
  });

  claim("a view on a larger buffer is kept as what it shows", async (store) => {
    const bytes = noise(4096);
    await store.put({ ...entryOf(1, ""), body: memoryBody(bytes.subarray(100, 120)) });
    assert.deepEqual(wholeBody(store.get(keyOf(1)) as Entry), bytes.slice(100, 120));
  });

  claim("a put replaces what began before it or with it, and nothing later", async (store) => {
    await store.put(entryOf(1, "second", { startedAt: 2000 }));
    await store.put(entryOf(1, "first", { startedAt: 1000 }));
    assert.equal(text(store.get(keyOf(1))), "second");
    await store.put(entryOf(1, "again", { startedAt: 2000 }));
    assert.equal(text(store.get(keyOf(1))), "again");
    await store.put(entryOf(1, "third", { startedAt: 3000 }));
    assert.equal(text(store.get(keyOf(1))), "third");
    assert.equal(store.stats().entries, 1);
  });

  claim(
    "of puts under one key at the same time the last begun stands, however they are queued",
    async (store) => {
      await Promise.all([3, 9, 1, 7, 5].map((at) => store.put(entryOf(1, `begun ${at}`, { startedAt: at }))));
      assert.equal(text(store.get(keyOf(1))), "begun 9");
      assert.equal(store.stats().entries, 1);
    },
  );

  claim("delete tells whether there was one, and leaves the others", async (store) => {
    await store.put(entryOf(1, "one"));
    await store.put(entryOf(2, "two"));
    assert.equal(await store.delete(keyOf(1)), true);
    assert.equal(await store.delete(keyOf(1)), false);
    assert.equal(store.get(keyOf(1)), undefined);
    assert.equal(text(store.get(keyOf(2))), "two");
    assert.equal(store.stats().entries, 1);
  });

  claim("an older answer may come back after a delete", async (store) => {
    await store.put(entryOf(1, "late", { startedAt: 2000 }));
    await store.delete(keyOf(1));
    await store.put(entryOf(1, "early", { startedAt: 1000 }));
    assert.equal(text(store.get(keyOf(1))), "early");
  });

  claim("a body got before a delete is read to its end while held", async (store) => {
    const bytes = noise(largeBodies ? 3 * SLICE_BYTES : SLICE_BYTES);
    await store.put(entryOf(1, bytes));
    const entry = store.get(keyOf(1)) as Entry;
    const release = entry.body.hold();
    await store.delete(keyOf(1));
    await store.put(entryOf(2, noise(bytes.byteLength)));
    assert.deepEqual(wholeBody(entry), bytes);
    release();
    release();
    assert.equal(store.get(keyOf(1)), undefined);
  });

  claim("a touch of a key that is not there changes nothing", async (store) => {
    store.touch({ key: keyOf(5) });
    await store.put(entryOf(5, "five"));
    store.touch({ key: keyOf(5) });
    assert.equal(text(store.get(keyOf(5))), "five");
  });

  claim("500 puts in one turn are all there", async (store) => {
    await Promise.all(Array.from({ length: 500 }, (_, n) => store.put(entryOf(n, `answer ${n}`))));
    for (let n = 0; n < 500; n++) assert.equal(text(store.get(keyOf(n))), `answer ${n}`);
    assert.equal(store.stats().entries, 500);
    assert.equal(store.stats().faults, 0);
    assert.deepEqual(store.health(), { ok: true, reasons: [] });
  });

  test(`${name}: a closed store misses, and rejects puts and deletes with StoreFault`, async () => {
    const store = await open();
    await store.put(entryOf(1, "one"));
    await store.close();
    assert.equal(store.get(keyOf(1)), undefined);
    store.touch({ key: keyOf(1) });
    await assert.rejects(store.put(entryOf(2, "two")), { name: "StoreFault" });
    await assert.rejects(store.delete(keyOf(1)), { name: "StoreFault" });
    assert.equal(store.health().ok, false);
  });
}

function text(entry: Entry | undefined): string | undefined {
  return entry === undefined ? undefined : new TextDecoder().decode(wholeBody(entry));
}

function assertSame(actual: Entry | undefined, expected: Entry): void {
  assert.ok(actual);
  const { body, place: _place, ...facts } = actual;
  const { body: expectedBody, ...expectedFacts } = expected;
  assert.deepEqual(facts, expectedFacts);
  assert.deepEqual(wholeBody({ ...actual, body }), wholeBody({ ...expected, body: expectedBody }));
}
