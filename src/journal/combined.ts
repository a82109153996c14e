import type { CacheWord } from "./event.ts";
import type { Shown } from "./exposition.ts";
import type { Gauges } from "./journal.ts";
import { type Amount, type Sums, type Times, type Total, WORDS } from "./totals.ts";

/** What several processes over one store count, as if one had. At least one is given. */
export function combined(all: readonly [Shown, ...Shown[]]): Shown {
  return {
    totals: sumsOf(all.map(({ totals }) => totals)),
    gauges: gaugesOf(all.map(({ gauges }) => gauges) as [Gauges, ...Gauges[]]),
    lag: timesOf(all.map(({ lag }) => lag)),
    rowsSkipped: {
      hits: sum(all, ({ rowsSkipped }) => rowsSkipped.hits),
      queue: sum(all, ({ rowsSkipped }) => rowsSkipped.queue),
    },
    recordFailures: sum(all, ({ recordFailures }) => recordFailures),
  };
}

/** Of a process that has ended: what it counted stays counted, and nothing else of it is there any more. */
export function ended(shown: Shown): Shown {
  const { gauges } = shown;
  return {
    ...shown,
    gauges: {
      ...gauges,
      workers: 0,
      inFlight: 0,
      unread: 0,
      storeEntries: 0,
      storeBytes: 0,
      storeOk: true,
      archiveBytes: 0,
      archiveQueued: 0,
      bufferedBytes: 0,
      ...(gauges.process && { process: { ...gauges.process, residentBytes: 0 } }),
    },
  };
}

function gaugesOf(all: readonly [Gauges, ...Gauges[]]): Gauges {
  const processes = all.flatMap(({ process }) => process ?? []);
  const most = (member: (gauges: Gauges) => number) => Math.max(...all.map(member));
  return {
    ...all[0],
    workers: sum(all, ({ workers = 1 }) => workers),
    inFlight: sum(all, ({ inFlight }) => inFlight),
    unread: sum(all, ({ unread }) => unread),
    // All look at one store and one archive.
    storeEntries: most(({ storeEntries }) => storeEntries),
    storeBytes: most(({ storeBytes }) => storeBytes),
    archiveBytes: most(({ archiveBytes }) => archiveBytes),
    storeOk: all.every(({ storeOk }) => storeOk),
    storeEvictions: sum(all, ({ storeEvictions }) => storeEvictions),
    storeFaults: sum(all, ({ storeFaults }) => storeFaults),
    archiveQueued: sum(all, ({ archiveQueued }) => archiveQueued),
    archiveDropped: sum(all, ({ archiveDropped }) => archiveDropped),
    bufferedBytes: sum(all, ({ bufferedBytes }) => bufferedBytes),
    ...(processes.length > 0 && {
      process: {
        cpuSeconds: sum(processes, ({ cpuSeconds }) => cpuSeconds),
        residentBytes: sum(processes, ({ residentBytes }) => residentBytes),
        startedAt: Math.min(...processes.map(({ startedAt }) => startedAt)),
      },
    }),
  };
}

function sumsOf(all: readonly Sums[]): Sums {
  const rows = new Map<string, Total>();
  const notKept = new Map<string, number>();
  for (const sums of all) {
    for (const total of sums.all) {
      const name = `${total.provider}\n${total.endpoint}`;
      const known = rows.get(name);
      rows.set(name, known === undefined ? total : added(known, total));
    }
    for (const [reason, times] of sums.notKept) notKept.set(reason, (notKept.get(reason) ?? 0) + times);
  }
  return {
    all: [...rows.values()],
    notKept,
    duration: perWord((word) => timesOf(all.map(({ duration }) => duration[word]))),
    firstByte: perWord((word) => timesOf(all.map(({ firstByte }) => firstByte[word]))),
    astray: sum(all, ({ astray }) => astray),
  };
}

/** Every count of a provider's endpoint, member by member. */
function added(one: Total, other: Total): Total {
  const numbers = Object.entries(one).flatMap(([name, value]) =>
    typeof value === "number" ? [[name, value + (other[name as keyof Total] as number)]] : [],
  );
  return {
    ...one,
    ...Object.fromEntries(numbers),
    requests: perWord((word) => one.requests[word] + other.requests[word]),
    spent: amountOf(one.spent, other.spent),
    saved: amountOf(one.saved, other.saved),
    shared: amountOf(one.shared, other.shared),
  };
}

function amountOf(one: Amount, other: Amount): Amount {
  return {
    inputTokens: one.inputTokens + other.inputTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    usd: one.usd + other.usd,
  };
}

function timesOf(all: readonly Times[]): Times {
  const bins = all[0]?.bins ?? [];
  return {
    bins: bins.map((_, bin) => sum(all, (times) => times.bins[bin] ?? 0)),
    sumMs: sum(all, ({ sumMs }) => sumMs),
  };
}

function perWord<T>(make: (word: CacheWord) => T): Record<CacheWord, T> {
  return Object.fromEntries(WORDS.map((word) => [word, make(word)])) as Record<CacheWord, T>;
}

function sum<T>(all: readonly T[], member: (one: T) => number): number {
  return all.reduce((total, one) => total + member(one), 0);
}
