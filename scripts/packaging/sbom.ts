/** What the executables are made of, as CycloneDX: packages in the bundle, and Bun for each platform. */
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { PackageURL } from "packageurl-js";
import type { Embedded } from "./bundle.ts";
import { BUN_VERSION, type Target } from "./targets.ts";

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
}

/** The document as JSON. It holds no time and no random number, so the same release has the same document. */
export function sbom({
  manifest,
  embedded,
  targets,
}: {
  manifest: Manifest;
  embedded: readonly Embedded[];
  /** Those whose runtime is in the release; none for the npm package. */
  targets: readonly Target[];
}): string {
  const product = component(Enums.ComponentType.Application, {
    ...manifest,
    description: manifest.description,
  });
  const parts = [...embedded.map(fromPackage), ...targets.map(fromRuntime)];
  const bom = new Models.Bom({ metadata: new Models.Metadata({ component: product }) });
  for (const part of parts) {
    bom.components.add(part);
    product.dependencies.add(part.bomRef);
  }
  const factory = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return `${new Serialize.JsonSerializer(factory).serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function fromPackage({ name, version, license, integrity }: Embedded): Models.Component {
  const part = component(Enums.ComponentType.Library, { name, version, license });
  const [algorithm = "", digest = ""] = integrity.split("-");
  if (algorithm !== "sha512") throw new Error(`${name}: bun.lock has no sha512 for it`);
  part.hashes.set(Enums.HashAlgorithm["SHA-512"], Buffer.from(digest, "base64").toString("hex"));
  return part;
}

function fromRuntime({ package: name, sha256 }: Target): Models.Component {
  const part = component(Enums.ComponentType.Platform, { name, version: BUN_VERSION, license: "MIT" });
  part.hashes.set(Enums.HashAlgorithm["SHA-256"], sha256);
  part.description =
    "Bun, which brings JavaScriptCore (LGPL-2.1) and more: https://github.com/oven-sh/bun/blob/main/LICENSE.md";
  return part;
}

function component(
  type: Enums.ComponentType,
  given: { name: string; version: string; license: string; description?: string },
): Models.Component {
  const [scope, name] = given.name.startsWith("@") ? given.name.split("/") : [undefined, given.name];
  const { version, license, description } = given;
  const purl = new PackageURL("npm", scope, name!, version, undefined, undefined).toString();
  const part = new Models.Component(type, name!, { group: scope, version, purl, bomRef: purl, description });
  const known = /^[\w.+-]+$/.test(license);
  part.licenses.add(known ? new Models.SpdxLicense(license) : new Models.LicenseExpression(license));
  return part;
}
