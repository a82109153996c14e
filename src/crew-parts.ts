import type { AdminParts } from "./admin/admin.ts";
import { type PurgeParts, purgeAll } from "./cache/purge.ts";
import type { EntryFilter } from "./cache/store.ts";
import { type Crew, ownerOf } from "./crew.ts";
import { followCrew } from "./crew-events.ts";
import type { Host } from "./host.ts";
import { combined } from "./journal/combined.ts";
import { exposition, type Shown } from "./journal/exposition.ts";
import type { LiveJournal } from "./journal/journal.ts";
import type { Owners } from "./proxy/elsewhere.ts";
import type { Heard, Verified } from "./proxy/verified.ts";

type AskSocket = Host["askSocket"];

/** Whose provider calls are whose, and the way to them. */
export function ownersIn(crew: Crew, askSocket: AskSocket): Owners {
  return {
    of(name) {
      const sockets = crew.sockets();
      const owner = ownerOf(name, sockets);
      return owner === undefined || owner === crew.index ? undefined : sockets[owner];
    },
    ask(owner, body, signal) {
      const headers = new Headers({ "content-type": "application/octet-stream" });
      return askSocket(owner, { path: "/request", method: "POST", headers, body, signal });
    },
  };
}

export interface Joined extends PurgeParts {
  readonly journal: LiveJournal;
  readonly verified: Verified;
  readonly askSocket: AskSocket;
  /** Takes a change of settings, here. */
  readonly change: AdminParts["change"];
}

/** What the operator asks of one worker counts for all of them, and is told of all of them. */
export function joinCrew(
  crew: Crew,
  parts: Joined,
): Pick<AdminParts, "store" | "journal" | "change" | "purge" | "following"> {
  const { store, journal, verified, flights, clock } = parts;
  const { follow, following } = followCrew(crew, parts);
  crew.on("change", parts.change);
  crew.on("dismiss", (filter: EntryFilter) => void flights.dismiss(filter, clock.now()));
  crew.on("forget", () => store.forget?.());
  crew.on("verified", (heard: Heard) => verified.learn(heard));
  crew.on("flush", () => journal.flush());
  crew.on("metrics", () => journal.shown());
  const forgotten = async <T>(acting: Promise<T>): Promise<T> => {
    try {
      return await acting;
    } finally {
      await crew.gather("forget");
    }
  };
  return {
    change: async (change) => void (await crew.gather("change", change)),
    // Calls under way are dismissed everywhere before the store is purged: see `purgeAll`.
    async purge(filter) {
      await crew.gather("dismiss", filter);
      return forgotten(purgeAll(parts, filter));
    },
    store: {
      ...store,
      change: (key, change) => forgotten(store.change(key, change)),
      delete: (key) => forgotten(store.delete(key)),
      putAll: (entries) => forgotten(store.putAll(entries)),
    },
    journal: {
      ...journal,
      async flush() {
        await Promise.all([crew.gather("flush"), journal.flush()]);
      },
      async metrics() {
        const others = (await crew.gather("metrics")) as readonly Shown[];
        const [first = journal.shown(), ...more] = others;
        return exposition(combined([first, ...more]));
      },
      follow,
    },
    following,
  };
}
