import type { Files } from "../host.ts";
import type { Token } from "./admin.ts";

/** Printable ASCII without spaces, long enough that nobody guesses it. */
const VALID = /^[\x21-\x7e]{16,1000}$/;
const BYTES = 32;

export interface KeptToken extends Token {
  /** The token now; made where there is none. */
  current(): Promise<string>;
}

/**
 * The token in `folder/admin-token`, read at each check: it changes for every process of this folder as soon as one
 * writes another, and a file that was removed is made anew. Where the file cannot be used nobody is let in from
 * outside, and `report` says so once.
 */
export function keptToken(options: {
  readonly folder: string;
  readonly files: Files;
  readonly report: (message: string) => void;
}): KeptToken {
  const { folder, files, report } = options;
  const path = `${folder}/admin-token`;
  const unwritten = freshToken();
  let told = false;
  const fail = (why: string) => {
    if (!told) report(`${path} ${why}: the admin API lets nobody in`);
    told = true;
    return unwritten;
  };
  const current = async () => {
    try {
      let text = await read(files, path);
      if (text === undefined) {
        await files.makePrivateFolder(folder);
        const fresh = freshToken();
        text = (await files.createPrivate(path, `${fresh}\n`)) ? fresh : await files.readText(path);
      }
      if (!VALID.test(text.trim())) return fail("holds no token, remove it to get a new one");
      told = false;
      return text.trim();
    } catch (error) {
      return fail(`can be neither read nor made (${(error as { code?: string }).code ?? String(error)})`);
    }
  };
  return {
    current,
    accepts: async (given) => await same(given, await current()),
    async rotate() {
      const fresh = freshToken();
      const aside = `${path}.${fresh.slice(-12)}`;
      await files.makePrivateFolder(folder);
      await files.createPrivate(aside, `${fresh}\n`);
      await files.rename(aside, path);
      return fresh;
    },
  };
}

async function read(files: Files, path: string): Promise<string | undefined> {
  try {
    return await files.readText(path);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw error;
  }
}

function freshToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(BYTES));
  const text = btoa(String.fromCharCode(...bytes));
  return `ao_${text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}`;
}

/** In a time that says nothing of where they differ: digests are compared, all of their bytes. */
async function same(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([digest(one), digest(other)]);
  let differences = 0;
  for (let at = 0; at < a.length; at++) differences |= a[at]! ^ b[at]!;
  return differences === 0;
}

async function digest(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}
