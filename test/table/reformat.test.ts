import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyShape, freePlaces } from "../../src/providers/body-shape.ts";
import { samples } from "../support/bodies.ts";
import { pathName, places, treeOf, at as valueAt } from "../support/json-tree.ts";
import { tryFamily } from "../support/reformat.ts";
import { routed } from "../support/routed.ts";

const TIMES = 80;

for (const [index, sample] of samples.entries()) {
  test(`${sample.family}: the same body written in ${TIMES} ways is one question, ${TIMES} single edits are others`, async () => {
    const counts = await tryFamily(sample, { times: TIMES, seed: 20_261_123 + index });
    assert.deepEqual(counts.wrong, []);
    assert.equal(counts.hits, TIMES);
    assert.equal(counts.misses, TIMES);
  });

  test(`${sample.family}: every object that the body marks as free is free in the code's table, and no other`, () => {
    const tree = treeOf({ ...(sample.body as object) });
    const marked = new Set([""]);
    const ordered = new Set<string>();
    for (const way of places(tree)) {
      const value = valueAt(tree, way);
      if (value.kind !== "object" || way.length === 0) continue;
      (value.free ? marked : ordered).add(pathName(tree, way));
    }
    const { endpoint, upstreamPath } = routed(sample.path);
    assert.ok(endpoint);
    const table = new Set(freePlaces(bodyShape(endpoint.kind, upstreamPath)));
    assert.deepEqual(
      [...marked].filter((place) => !table.has(place)),
      [],
    );
    assert.deepEqual(
      [...ordered].filter((place) => table.has(place)),
      [],
    );
  });
}
