/** A process that stores entries FROM to TO in FOLDER, and is gone by SIGKILL, or closes, when the last put resolves. */
import { entryOf, MIB, noise, openTestStore } from "./store.ts";

const [folder, from, to, end] = process.argv.slice(2) as [string, string, string, "kill" | "close"];
const store = await openTestStore(folder);
const puts: Promise<void>[] = [];
for (let n = Number(from); n < Number(to); n++) {
  puts.push(store.put(entryOf(n, n % 50 === 49 ? noise(MIB) : `answer ${n}`)));
  // Several groups, so that two processes meet.
  if (n % 20 === 0) await puts.at(-1);
}
await Promise.all(puts);
if (end === "kill") process.kill(process.pid, "SIGKILL");
await store.close();
