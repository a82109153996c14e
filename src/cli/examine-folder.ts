import { systemClock } from "../clock.ts";
import { databaseFault } from "../compose.ts";
import type { Config } from "../config.ts";
import type { FileFacts, Host } from "../host.ts";
import { type Check, codeOf } from "./examination.ts";
import { bytes } from "./readable.ts";

const LEAST_FREE = 64 * 1024 * 1024;
const HOUR_MS = 3_600_000;
/** Files that only their owner may read. */
const PRIVATE = ["secret", "admin-token", "askonce.db", "archive.db"] as const;
/** No clock that is right stands before this program was written. */
const WRITTEN = Date.UTC(2025, 0, 1);

/** The data folder, what lies in it, the disk below it and the clock. */
export async function folderChecks(host: Host, config: Config): Promise<readonly Check[]> {
  const { data } = config;
  const folder = await host.files.facts(data);
  if (!folder) {
    const found = `${data} is not there yet: the first start makes it`;
    return [{ name: "data folder", status: "ok", found }, ...clockChecks([])];
  }
  if (!folder.folder) {
    return [
      {
        name: "data folder",
        status: "fail",
        found: `${data} is a file`,
        todo: "choose a folder with --data",
      },
    ];
  }
  const files = await Promise.all(
    PRIVATE.map(async (name) => ({
      name,
      facts: await host.files.facts(`${data}/${name}`).catch(() => undefined),
    })),
  );
  return [
    await folderCheck(host, { data, folder }),
    ...files.flatMap(({ name, facts }) => (facts ? modeCheck(`${data}/${name}`, facts) : [])),
    ...(await secretCheck(host, data)),
    await diskCheck(host, config),
    ...(await databaseChecks(host, data)),
    ...clockChecks(files.flatMap(({ facts }) => facts ?? [])),
  ];
}

async function folderCheck(
  host: Host,
  { data, folder }: { data: string; folder: FileFacts },
): Promise<Check> {
  const name = "data folder";
  if (folder.ours === false) {
    const todo = "run askonce as its owner, or give it another folder with --data";
    return { name, status: "fail", found: `${data} belongs to another user`, todo };
  }
  const probe = `${data}/doctor-${crypto.randomUUID()}`;
  try {
    await host.files.createPrivate(probe, "");
    await host.files.remove(probe);
  } catch (error) {
    const todo =
      "give its owner the right to write, or choose another with --data; until then nothing is kept";
    return { name, status: "fail", found: `${data} cannot be written to (${codeOf(error)})`, todo };
  }
  if (folder.mode !== undefined && (folder.mode & 0o077) !== 0) {
    const found = `${data} is open to other users (mode ${folder.mode.toString(8)})`;
    return { name, status: "warn", found, todo: `chmod 700 ${data}` };
  }
  return { name, status: "ok", found: data };
}

function modeCheck(path: string, { mode, ours }: FileFacts): readonly Check[] {
  if (ours === false) {
    const todo = "run askonce as one user only";
    return [{ name: "files", status: "fail", found: `${path} belongs to another user`, todo }];
  }
  if (mode === undefined || (mode & 0o077) === 0) return [];
  const found = `${path} is open to other users (mode ${mode.toString(8)})`;
  return [{ name: "files", status: "fail", found, todo: `chmod 600 ${path}` }];
}

async function secretCheck({ files }: Host, data: string): Promise<readonly Check[]> {
  const path = `${data}/secret`;
  if ((await files.facts(path)) === undefined) return [];
  try {
    if (/^[0-9a-f]{64}\n?$/.test(await files.readText(path))) return [];
    const todo = "move it away: the next start makes a new one, and each API key gets a new pool";
    return [{ name: "secret", status: "fail", found: `${path} does not hold 64 hex digits`, todo }];
  } catch (error) {
    return [{ name: "secret", status: "fail", found: `${path} cannot be read (${codeOf(error)})` }];
  }
}

async function diskCheck({ files }: Host, { data, maxSize }: Config): Promise<Check> {
  const free = await files.freeBytes(data);
  if (free === undefined)
    return { name: "disk", status: "ok", found: "this runtime does not tell what is free" };
  const names = ["askonce.db", "archive.db"].flatMap((name) => [name, `${name}-wal`]);
  const sizes = await Promise.all(names.map((name) => files.size(`${data}/${name}`)));
  const taken = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const found = `${bytes(free)} free, ${bytes(taken)} taken of ${bytes(maxSize)}`;
  if (free < LEAST_FREE) {
    return {
      name: "disk",
      status: "fail",
      found,
      todo: "make room: answers are passed on and no longer kept",
    };
  }
  if (free < maxSize - taken) {
    return { name: "disk", status: "warn", found, todo: "set --max-size to less than what is free" };
  }
  return { name: "disk", status: "ok", found };
}

async function databaseChecks(host: Host, data: string): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const name of ["askonce.db", "archive.db"]) {
    const path = `${data}/${name}`;
    const size = await host.files.size(path);
    if (size === undefined) continue;
    const fault = await databaseFault(host, path);
    checks.push(
      fault === undefined
        ? { name: "database", status: "ok", found: `${name} is sound, ${bytes(size)}` }
        : {
            name: "database",
            status: "fail",
            found: `${name}: ${fault}`,
            todo: /readonly|unable to open/i.test(fault)
              ? "give askonce's user the right to write to it and to its folder"
              : "restart askonce: it sets a damaged file aside and begins a new one",
          },
    );
  }
  const aside = (await host.files.list(data)).filter((name) => /\.damaged|\.corrupt/.test(name));
  if (aside.length > 0) {
    const todo = "look into them if you like, then remove them";
    checks.push({
      name: "database",
      status: "warn",
      found: `set aside as damaged: ${aside.join(", ")}`,
      todo,
    });
  }
  return checks;
}

/** Files written in the future, or a year long past, say that the clock jumps: ages mean nothing then. */
function clockChecks(files: readonly FileFacts[]): readonly Check[] {
  const now = systemClock.now();
  const newest = Math.max(0, ...files.map(({ modifiedAt }) => modifiedAt));
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const found = `${new Date(now).toISOString()}, time zone ${zone}`;
  const todo = "set the clock, by NTP for good";
  if (now < WRITTEN) return [{ name: "clock", status: "fail", found, todo }];
  if (newest > now + HOUR_MS) {
    const later = `${found}: files in the data folder are from ${new Date(newest).toISOString()}`;
    return [{ name: "clock", status: "fail", found: later, todo }];
  }
  return [{ name: "clock", status: "ok", found }];
}
