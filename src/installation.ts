import type { Host } from "./host.ts";

/** The key of the HMAC over credentials: 32 random bytes that never leave this folder. */
export async function installationSecret(
  host: Pick<Host, "files">,
  folder: string,
  report: (message: string) => void,
): Promise<string> {
  const path = `${folder}/secret`;
  const fresh = randomHex(32);
  try {
    await host.files.makePrivateFolder(folder);
    if (await host.files.createPrivate(path, `${fresh}\n`)) return fresh;
    const kept = (await host.files.readText(path)).trim();
    if (/^[0-9a-f]{64}$/.test(kept)) return kept;
    report(`${path} does not hold 64 hex digits: a new secret is used until the next start`);
  } catch {
    report(`${path} can be neither read nor written: credentials get new pools at the next start`);
  }
  return fresh;
}

export function randomHex(bytes: number): string {
  return [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/** Unique over processes by a random start, cheap by counting. */
export function requestIds(): () => string {
  const prefix = randomHex(6);
  let count = 0;
  return () => `req_${prefix}${(count++).toString(36).padStart(6, "0")}`;
}
