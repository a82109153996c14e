/** The platforms that a release has executables for, and the runtime that each is made from. */
export interface Target {
  /** As the release file, the installer and `askonce --version` name it. */
  readonly name: string;
  /** As `bun build --target` names it. */
  readonly bun: string;
  /** The package on npm that holds Bun's program for it. */
  readonly package: string;
  /** Where the program lies in that package. */
  readonly program: string;
  /** Of that program at `BUN_VERSION`. */
  readonly sha256: string;
}

/** Bytecode is bound to one version of the runtime, so the builder and all targets have the same. */
export const BUN_VERSION = "1.4.5";

/**
 * x64 needs no second file for old processors: Bun's one program asks for SSE4.2 (2008), and finds out itself
 * whether there is AVX2; its `-baseline` packages hold the same bytes.
 */
export const targets: readonly Target[] = [
  target("linux-x64", "f05d28a3862f4b84395c7fa32480b835dd47482e80b7e7a49a115227f0c06083"),
  target("linux-x64-musl", "cf5d285ddbe256785a5121a3c113191a6b577504976374c7cfd5aedca609b720"),
  target("linux-arm64", "04778f1f42399a69d086853e9c7af4acf574b2f21a43d0dc673853d8b84a2923"),
  target("linux-arm64-musl", "9c48986093073afec8b76a3e285303598dd2462f52748aecb65e4d94866e1ea3"),
  target("darwin-x64", "88f97645b270aef20f9f9442f1658461cab3e7128e658af4615144e3396f084a"),
  target("darwin-arm64", "e2984124f1514e1e6bbda20adedbf07a02c443c6a5828853a15c7c7abf78e19f"),
  target("windows-x64", "e06ad0864463c68892ae71a2a64af7eae1585cac5dd9b80bc042f45605587cb1"),
];

function target(name: string, sha256: string): Target {
  const bun = `bun-${name}`;
  return {
    name,
    bun,
    package: `@oven/${bun.replace("arm64", "aarch64")}`,
    program: name.startsWith("windows") ? "bin/bun.exe" : "bin/bun",
    sha256,
  };
}

/** The file that a release has for a target. Windows has no gunzip. */
export function releaseFile({ name }: Target): string {
  return name.startsWith("windows") ? `askonce-${name}.exe` : `askonce-${name}.gz`;
}
