import manifest from "../package.json" with { type: "json" };

/** Put in by scripts/build and scripts/release. */
declare const ASKONCE_COMMIT: string | undefined;
declare const ASKONCE_PLATFORM: string | undefined;

export const VERSION: string = manifest.version;

/** The commit that an executable or package was built from; undefined from source, and where git could not tell. */
export const COMMIT: string | undefined =
  typeof ASKONCE_COMMIT === "string" && ASKONCE_COMMIT !== "" ? ASKONCE_COMMIT : undefined;

/** Tells builds apart: by their commit and, where it is not known or not all of it, by `mark`, asked for only then. */
export function buildName(mark: () => string): string {
  const name = COMMIT === undefined ? VERSION : `${VERSION} ${COMMIT}`;
  return COMMIT === undefined || COMMIT.endsWith("-dirty") ? `${name} ${mark()}` : name;
}

/** The platform that a release's executable was built for, `linux-x64-musl` for example; undefined elsewhere. */
export const PLATFORM: string | undefined =
  typeof ASKONCE_PLATFORM === "string" && ASKONCE_PLATFORM !== "" ? ASKONCE_PLATFORM : undefined;
