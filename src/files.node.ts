import { randomUUID } from "node:crypto";
import {
  chmod,
  type FileHandle,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  unlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import type { FileFacts, Files } from "./host.ts";

/** The disk as both runtimes offer it. */
export const files: Files = {
  readText: (path) => readFile(path, "utf8"),
  async createPrivate(path, text) {
    // Written aside and linked, so that another process never reads a half-written file under the final name.
    const aside = `${path}.${randomUUID()}`;
    await writeFile(aside, text, { flag: "wx", mode: 0o600 });
    try {
      await link(aside, path);
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      return await createInPlace(path, text);
    } finally {
      await unlink(aside);
    }
  },
  async makePrivateFolder(path) {
    await mkdir(dirname(path), { recursive: true });
    try {
      await mkdir(path, { mode: 0o700 });
    } catch (error) {
      // A folder that was there keeps its mode: it may be /tmp, or shared on purpose.
      if (codeOf(error) === "EEXIST" && (await stat(path)).isDirectory()) return;
      throw error;
    }
    await chmod(path, 0o700);
  },
  rename,
  remove: (path) => rm(path),
  async size(path) {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  },
  facts,
  list: async (folder) => (await readdir(folder)).sort(),
  read,
  async replace(path, chunks) {
    const aside = `${path}.${randomUUID()}`;
    const file = await open(aside, "wx");
    try {
      for await (const chunk of chunks) await writeAll(file, chunk);
      await file.close();
      await rename(aside, path);
    } catch (error) {
      await file.close().catch(() => {});
      await rm(aside, { force: true });
      throw error;
    }
  },
  async makeFolder(path) {
    await mkdir(path, { recursive: true });
  },
  makeExecutable: (path) => chmod(path, 0o755),
  temporaryFolder: () => mkdtemp(join(tmpdir(), "askonce-")),
  removeFolder: (path) => rm(path, { recursive: true, force: true }),
  async freeBytes(path) {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch {
      return undefined;
    }
  },
};

async function facts(path: string): Promise<FileFacts | undefined> {
  try {
    const found = await stat(path);
    const windows = process.platform === "win32";
    return {
      folder: found.isDirectory(),
      bytes: found.size,
      mode: windows ? undefined : found.mode & 0o777,
      ours: windows ? undefined : isOurs(found.uid),
      modifiedAt: found.mtimeMs,
    };
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Deno tells the user's id only with a permission that nothing else here needs. */
function isOurs(uid: number): boolean | undefined {
  try {
    return process.getuid?.() === uid;
  } catch {
    return undefined;
  }
}

const CHUNK = 256 * 1024;

async function* read(path: string): AsyncIterable<Uint8Array> {
  const file = await open(path, "r");
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(new Uint8Array(CHUNK), 0, CHUNK, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; ) {
    at += (await file.write(bytes, at, bytes.byteLength - at)).bytesWritten;
  }
}

/** For file systems without links. */
async function createInPlace(path: string, text: string): Promise<boolean> {
  try {
    await writeFile(path, text, { flag: "wx", mode: 0o600 });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}
