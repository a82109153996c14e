import assert from "node:assert/strict";
import { test } from "node:test";
import type { Entry } from "../../src/cache/entry.ts";
import type { EntryFilter, Store } from "../../src/cache/store.ts";
import { entryOf, keyOf, MIB, noise, wholeBody } from "../support/store.ts";
import type { Contract } from "./store.ts";

const BEGAN = 1_700_000_000_000;

/** What every store promises of `change`, `purge`, `putAll` and `unless` (`src/cache/store.ts`). */
export function steeringContract(name: string, { open, largeBodies }: Contract): void {
  const claim = (title: string, body: (store: Store) => Promise<void>) =>
    test(`${name}: ${title}`, async () => {
      const store = await open();
      try {
        await body(store);
      } finally {
        await store.close();
      }
    });

  claim(
    "what an answer took and where it came from come back, and what is not known stays away",
    async (store) => {
      const spent = { inputTokens: 12, outputTokens: 7, cacheReadTokens: 0, costUsd: 0.000_123 };
      await store.put(entryOf(1, "a", { spent, imported: true }));
      await store.put(entryOf(2, "b", { spent: { reasoningTokens: 5 } }));
      await store.put(entryOf(3, "c", { spent: {} }));
      await store.put(entryOf(4, "d"));
      assert.deepEqual(store.get(keyOf(1))?.spent, spent);
      assert.equal(store.get(keyOf(1))?.imported, true);
      assert.deepEqual(store.get(keyOf(2))?.spent, { reasoningTokens: 5 });
      assert.deepEqual(store.get(keyOf(3))?.spent, {});
      assert.ok(!("spent" in (store.get(keyOf(4)) as Entry)));
      assert.ok(!store.get(keyOf(4))?.imported);
    },
  );

  claim("a put that is called off at its commit changes nothing and resolves", async (store) => {
    await store.put(entryOf(1, "first"));
    await store.put(entryOf(1, "second", { startedAt: BEGAN + 5 }), { unless: () => true });
    await store.put(entryOf(2, "new"), { unless: () => true });
    await store.put(entryOf(3, "wanted"), { unless: () => false });
    assert.deepEqual(
      [1, 2, 3].map((n) => text(store, n)),
      ["first", undefined, "wanted"],
    );
  });

  claim(
    "a TTL set from outside outranks the entry's own until it is taken back, through a refresh too",
    async (store) => {
      await store.put(entryOf(1, "a", { ttlMs: 1500 }));
      assert.equal(await store.change(keyOf(1), { ttlMs: 9000 }), true);
      assert.equal(store.get(keyOf(1))?.ttlMs, 9000);
      await store.put(entryOf(1, "b", { ttlMs: 1600, startedAt: BEGAN + 1 }));
      assert.equal(store.get(keyOf(1))?.ttlMs, 9000);
      await store.change(keyOf(1), { ttlMs: Infinity });
      assert.equal(store.get(keyOf(1))?.ttlMs, Infinity);
      await store.change(keyOf(1), { pinned: true });
      assert.equal(store.get(keyOf(1))?.ttlMs, Infinity);
      await store.change(keyOf(1), { ttlMs: null });
      assert.equal(store.get(keyOf(1))?.ttlMs, 1600);
      assert.equal(text(store, 1), "b");
      assert.equal(await store.change(keyOf(2), { pinned: true, ttlMs: 1 }), false);
    },
  );

  claim("a TTL set from outside goes with its entry", async (store) => {
    await store.put(entryOf(1, "a"));
    await store.change(keyOf(1), { ttlMs: 9000 });
    await store.delete(keyOf(1));
    await store.put(entryOf(1, "b"));
    assert.equal(store.get(keyOf(1))?.ttlMs, undefined);
  });

  const filters: [string, EntryFilter, number[]][] = [
    ["nothing, so all of them", {}, []],
    ["a provider", { provider: "groq" }, [1, 2, 4, 5]],
    ["a model", { model: "m-1" }, [2, 3, 4]],
    ["an endpoint", { endpoint: "embeddings" }, [1, 2, 3, 4]],
    ["a namespace, which pins do not guard", { namespace: "exp" }, [1, 3, 5]],
    ["no namespace", { namespace: "" }, [2, 4]],
    ["the time before", { storedBefore: BEGAN + 300 }, [3, 4, 5]],
    ["the time since", { storedSince: BEGAN + 300 }, [1, 2]],
    ["both", { storedSince: BEGAN + 200, storedBefore: BEGAN + 400 }, [1, 4, 5]],
    ["keys", { keys: [keyOf(2), keyOf(4), keyOf(99), keyOf(2)] }, [1, 3, 5]],
    [
      "keys of which one has another provider",
      { keys: [keyOf(2), keyOf(3)], provider: "groq" },
      [1, 2, 4, 5],
    ],
    ["how a key begins", { keyPrefix: keyOf(5).slice(0, 5) }, [1, 2, 3, 4]],
    [
      "how a key begins, and the whole of another",
      { keyPrefix: keyOf(5), keys: [keyOf(1)] },
      [1, 2, 3, 4, 5],
    ],
    ["what nobody has", { provider: "constructor" }, [1, 2, 3, 4, 5]],
  ];
  for (const [what, filter, left] of filters) {
    claim(`a purge by ${what} drops those that match, and says how many`, async (store) => {
      const facts = entryOf(0, "").facts;
      await store.put(entryOf(1, "1", { storedAt: BEGAN + 100, facts: { ...facts, model: "m-1" } }));
      await store.put(entryOf(2, "2", { storedAt: BEGAN + 200, facts: { ...facts, namespace: "exp" } }));
      await store.put(entryOf(3, "3", { storedAt: BEGAN + 300, facts: { ...facts, provider: "groq" } }));
      await store.put(entryOf(4, "4", { storedAt: BEGAN + 400, facts: { ...facts, namespace: "exp" } }));
      await store.put(
        entryOf(5, "5", { storedAt: BEGAN + 500, facts: { ...facts, endpoint: "embeddings", model: "m-1" } }),
      );
      await store.change(keyOf(4), { pinned: true });
      assert.equal(await store.purge(filter), 5 - left.length);
      assert.deepEqual(
        [1, 2, 3, 4, 5].filter((n) => store.get(keyOf(n))),
        left,
      );
      assert.equal(store.stats().entries, left.length);
    });
  }

  claim("a purge of 3,000 entries leaves what is put while it runs", async (store) => {
    await Promise.all(Array.from({ length: 3000 }, (_, n) => store.put(entryOf(n, "old"))));
    const purge = store.purge({});
    const puts = [...Array(20).keys()].map((n) => store.put(entryOf(10_000 + n, "new")));
    assert.equal(await purge, 3000);
    await Promise.all(puts);
    assert.equal(store.stats().entries, 20);
    for (let n = 0; n < 20; n++) assert.equal(text(store, 10_000 + n), "new");
  });

  claim(
    "putAll puts all, in place of what began later too, and of two with one key the last",
    async (store) => {
      await store.put(entryOf(1, "later", { startedAt: BEGAN + 50_000 }));
      await store.change(keyOf(1), { pinned: true, ttlMs: 777 });
      const large = noise(largeBodies ? MIB : 1000);
      await store.putAll([
        entryOf(1, "imported", { imported: true }),
        entryOf(2, "two"),
        entryOf(3, large),
        entryOf(2, "two again"),
      ]);
      assert.deepEqual(
        [1, 2].map((n) => text(store, n)),
        ["imported", "two again"],
      );
      assert.equal(store.get(keyOf(1))?.ttlMs, 777);
      assert.deepEqual(wholeBody(store.get(keyOf(3)) as Entry), large);
      assert.equal(store.stats().entries, 3);
      await store.putAll([]);
      assert.equal(store.stats().faults, 0);
    },
  );

  test(`${name}: putAll of more than there is room for rejects with StoreFault and changes nothing`, async () => {
    const store = await open(8 * MIB);
    await store.put(entryOf(1, "one"));
    const body = noise(20_000);
    const many = Array.from({ length: 600 }, (_, n) => entryOf(n, body));
    await assert.rejects(store.putAll(many), { name: "StoreFault" });
    assert.equal(text(store, 1), "one");
    assert.equal(store.stats().entries, 1);
    await store.putAll(many.slice(1, 4));
    assert.equal(store.stats().entries, 3);
    await store.close();
  });

  test(`${name}: a closed store rejects what would steer it with StoreFault`, async () => {
    const store = await open();
    await store.close();
    await assert.rejects(store.change(keyOf(1), { pinned: true }), { name: "StoreFault" });
    await assert.rejects(store.purge({}), { name: "StoreFault" });
    await assert.rejects(store.putAll([entryOf(1, "one")]), { name: "StoreFault" });
  });
}

function text(store: Store, n: number): string | undefined {
  const entry = store.get(keyOf(n));
  return entry === undefined ? undefined : new TextDecoder().decode(wholeBody(entry));
}
