import manifest from "../package.json" with { type: "json" };

/** Put in by scripts/build. */
declare const ASKONCE_COMMIT: string | undefined;

export const VERSION: string = manifest.version;

/** The commit that an executable was built from; undefined from source, and where git could not tell. */
export const COMMIT: string | undefined =
  typeof ASKONCE_COMMIT === "string" && ASKONCE_COMMIT !== "" ? ASKONCE_COMMIT : undefined;
