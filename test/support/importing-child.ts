/** A process that is gone by SIGKILL while the transaction of an import into FOLDER is open. */
import type { Database } from "../../src/storage/database.ts";
import { openStore } from "../../src/storage/store.ts";
import { entryOf, noise, openDatabase, storeOptions } from "./store.ts";

let databases = 0;
const store = await openStore({
  ...storeOptions(process.argv[2] as string),
  openDatabase(path): Database {
    const db = openDatabase(path);
    // The first is the store's own, the second the import's.
    if (++databases < 2) return db;
    const kill = () => process.kill(process.pid, "SIGKILL");
    return {
      ...db,
      exec(sql) {
        db.exec(sql);
        if (sql.startsWith("BEGIN")) setTimeout(kill, 60);
        if (sql === "COMMIT") throw new Error("the import was over before the end");
      },
    };
  },
});
await Promise.all(Array.from({ length: 10 }, (_, n) => store.put(entryOf(n, `old ${n}`))));
const body = noise(4000);
await store.putAll(Array.from({ length: 8000 }, (_, n) => entryOf(n, body)));
