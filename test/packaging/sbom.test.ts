/** The bill of materials: valid CycloneDX, whole, and the same each time. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import manifest from "../../package.json" with { type: "json" };
import { bundle } from "../../scripts/packaging/bundle.ts";
import { notices } from "../../scripts/packaging/notices.ts";
import { sbom } from "../../scripts/packaging/sbom.ts";
import { targets } from "../../scripts/packaging/targets.ts";
import { root } from "../support/askonce.ts";
import { tempFolder } from "../support/folder.ts";

interface Component {
  readonly name: string;
  readonly group?: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes: readonly { alg: string; content: string }[];
  readonly licenses: readonly object[];
}

const made = () => bundle({ root, out: join(tempFolder(), "out"), commit: "" });
const embedded = made();
const document = sbom({ manifest, embedded, targets });

test("it is valid CycloneDX 1.6", async () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  assert.equal(await validator.validate(document), null);
});

test("it names every dependency of the program, each with version, licence and hash, and Bun per platform", () => {
  const { components } = JSON.parse(document) as { components: readonly Component[] };
  const named = components.map(({ group, name }) => (group ? `${group}/${name}` : name));
  for (const name of Object.keys(manifest.dependencies)) assert.ok(named.includes(name), name);
  for (const { package: name } of targets) assert.ok(named.includes(name), name);
  assert.ok(!named.some((name) => Object.hasOwn(manifest.devDependencies, name)));
  for (const { name, version, purl, hashes, licenses } of components) {
    assert.match(purl, new RegExp(`^pkg:npm/.*${name}@${version}$`));
    assert.ok(licenses.length > 0, name);
    assert.match(hashes[0]!.content, /^(?:[0-9a-f]{64}|[0-9a-f]{128})$/, name);
  }
});

test("made again it is the same, and the licences of all of it are told", () => {
  assert.equal(sbom({ manifest, embedded: made(), targets }), document);
  const text = notices(root, embedded);
  for (const { name, version } of embedded) assert.ok(text.includes(`${name} ${version} (`), name);
});
