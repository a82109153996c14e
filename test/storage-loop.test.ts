import assert from "node:assert/strict";
import { test } from "node:test";
import { entryOf, keyOf, MIB, noise, openTestStore, temporaryFolder } from "./support/store.ts";

test("while 64 MiB are stored and 10,000 entries of 8 KiB are evicted, 99 of 100 hits take less than 50 ms", async () => {
  const store = await openTestStore(temporaryFolder(), { maxSize: 104 * MIB });
  const small = Array.from({ length: 16 }, () => noise(8192));
  const large = noise(64 * MIB);
  for (let n = 0; n < 11_000; n += 250) {
    await Promise.all(Array.from({ length: 250 }, (_, i) => store.put(entryOf(n + i, small[i % 16]!))));
  }
  for (let n = 0; n < 100; n++) store.touch({ key: keyOf(n) });
  const before = store.stats();
  let done = false;
  const puts = Promise.all([
    store.put(entryOf(100_000, large)),
    ...Array.from({ length: 4000 }, (_, n) => store.put(entryOf(20_000 + n, small[n % 16]!))),
  ]).then(() => {
    done = true;
  });
  // A hit waits for the loop, then for the row: both count.
  const waits: number[] = [];
  for (let n = 0; !done; n++) {
    const asked = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1));
    assert.ok(store.get(keyOf(n % 100)));
    waits.push(performance.now() - asked - 1);
  }
  await puts;
  waits.sort((a, b) => a - b);
  const at = (share: number) => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))]!;
  const evicted = store.stats().evictions - before.evictions;
  console.log(
    `# ${waits.length} hits: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms, ` +
      `worst ${at(1).toFixed(1)} ms; ${before.entries} entries before, ${evicted} evicted`,
  );
  assert.ok(evicted >= 10_000, `${evicted} evicted`);
  assert.ok(at(0.99) < 50);
  await store.close();
});
