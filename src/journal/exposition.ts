import type { Metric } from "prom-client";
import { LATENCY_BINS } from "../cache/figures.ts";
import type { Gauges } from "./journal.ts";
import { type Amount, type Sums, type Times, type Total, WORDS } from "./totals.ts";

/** What is shown, all taken from sums at the moment of asking. Plain data: it can be sent to another process. */
export interface Shown {
  readonly totals: Sums;
  readonly gauges: Gauges;
  readonly lag: Times;
  readonly rowsSkipped: { readonly hits: number; readonly queue: number };
  readonly recordFailures: number;
}

type Labels = Readonly<Record<string, string | number>>;

interface Value {
  readonly value: number;
  readonly labels?: Labels;
  readonly metricName?: string;
}

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly values: readonly Value[];
}

/** Prometheus text, exposition format 0.0.4. */
export async function exposition(shown: Shown): Promise<string> {
  // Loaded by the first who asks: it takes no part in answering.
  const { Registry } = await import("prom-client");
  const registry = new Registry();
  for (const family of families(shown)) {
    const metric = { ...family, get: () => Promise.resolve(family) };
    // The registry writes whatever has a name and a `get`; its own kinds count by themselves, here sums are at hand.
    registry.registerMetric(metric as unknown as Metric);
  }
  return registry.metrics();
}

function families(shown: Shown): Family[] {
  return [
    ...ofRequests(shown.totals),
    ...ofMoney(shown.totals),
    ...ofState(shown),
    ...ofProcess(shown.gauges),
  ];
}

function ofRequests(totals: Sums): Family[] {
  const { all } = totals;
  return [
    counter(
      "askonce_requests_total",
      "Requests by what X-Cache-Status said.",
      all.flatMap(({ provider, endpoint, requests }) =>
        WORDS.filter((word) => requests[word] > 0).map((word) => ({
          value: requests[word],
          labels: { provider, endpoint, cache_status: word },
        })),
      ),
    ),
    counter("askonce_requests_without_provider_total", "Requests refused before a provider was known.", [
      { value: totals.astray },
    ]),
    byWord("askonce_request_duration_seconds", "Time from a request to its last byte.", totals.duration),
    byWord(
      "askonce_time_to_first_byte_seconds",
      "Time from a request to its first body byte.",
      totals.firstByte,
    ),
    counter("askonce_coalesced_total", "Requests that joined another one's call.", sums(all, "joined")),
    counter("askonce_request_errors_total", "Answers with a status of 400 and above.", sums(all, "errors")),
    counter("askonce_request_aborts_total", "Requests whose client went away.", sums(all, "aborted")),
    counter("askonce_response_bytes_total", "Body bytes sent to clients.", sums(all, "bytes")),
    counter("askonce_refreshes_total", "Calls behind stale answers.", sums(all, "refreshes")),
    counter("askonce_unread_calls_total", "Calls that went on unread.", sums(all, "unread")),
    counter(
      "askonce_not_kept_total",
      "Answers not kept, by reason.",
      [...totals.notKept].map(([reason, value]) => ({ value, labels: { reason } })),
    ),
  ];
}

function ofMoney({ all }: Sums): Family[] {
  const tokens = all.flatMap(({ provider, endpoint, spent, saved, shared }) =>
    Object.entries({ spent, saved, joined: shared }).flatMap(([kind, { inputTokens, outputTokens }]) => [
      { value: inputTokens, labels: { provider, endpoint, kind, direction: "input" } },
      { value: outputTokens, labels: { provider, endpoint, kind, direction: "output" } },
    ]),
  );
  const usd = (amount: (total: Total) => Amount) =>
    all.map((total) => ({
      value: amount(total).usd,
      labels: { provider: total.provider, endpoint: total.endpoint },
    }));
  return [
    counter("askonce_tokens_total", "Tokens by what became of them.", tokens.filter(isCounted)),
    counter(
      "askonce_spent_usd_total",
      "US dollars that calls cost, where known.",
      usd(({ spent }) => spent),
    ),
    counter(
      "askonce_saved_usd_total",
      "US dollars that hits made needless, where known.",
      usd(({ saved }) => saved),
    ),
    counter(
      "askonce_joined_usd_total",
      "US dollars not paid by joining.",
      usd(({ shared }) => shared),
    ),
    counter("askonce_unpriced_total", "Calls and hits whose price is not known.", sums(all, "unpriced")),
    counter(
      "askonce_saved_seconds_total",
      "Time at providers that hits made needless.",
      sums(all, "savedMs").map(({ value, labels }) => ({ value: value / 1000, labels })),
    ),
  ];
}

function ofState({ gauges, lag, rowsSkipped, recordFailures }: Shown): Family[] {
  return [
    gauge("askonce_requests_in_flight", "Calls under way that requests share.", gauges.inFlight),
    ...(gauges.workers === undefined
      ? []
      : [gauge("askonce_workers", "Workers that are there.", gauges.workers)]),
    gauge("askonce_unread_calls", "Calls under way that nobody reads.", gauges.unread),
    gauge("askonce_buffered_bytes", "Bodies in memory.", gauges.bufferedBytes),
    gauge("askonce_store_entries", "Stored answers.", gauges.storeEntries),
    gauge("askonce_store_size_bytes", "Size of the store on disk.", gauges.storeBytes),
    gauge("askonce_store_healthy", "1 where the store can be used, else 0.", gauges.storeOk ? 1 : 0),
    one("askonce_store_evictions_total", "Answers that made room.", gauges.storeEvictions),
    one("askonce_store_faults_total", "Faults of the store.", gauges.storeFaults),
    gauge("askonce_archive_size_bytes", "Size of the archive on disk.", gauges.archiveBytes),
    gauge("askonce_archive_queued_requests", "Requests waiting to be remembered.", gauges.archiveQueued),
    one(
      "askonce_archive_dropped_total",
      "Requests and rows that were not remembered.",
      gauges.archiveDropped,
    ),
    counter("askonce_journal_rows_skipped_total", "Requests counted but not written down one by one.", [
      { value: rowsSkipped.hits, labels: { reason: "hit" } },
      { value: rowsSkipped.queue, labels: { reason: "queue" } },
    ]),
    one("askonce_journal_failures_total", "Batches of counts that had to be sent again.", recordFailures),
    {
      name: "askonce_event_loop_lag_seconds",
      help: "How late timers fire, measured while this page is asked for.",
      type: "histogram",
      values: histogram("askonce_event_loop_lag_seconds", lag, {}),
    },
  ];
}

function ofProcess({ process, build }: Gauges): Family[] {
  const families: Family[] = [];
  if (build !== undefined)
    families.push({
      name: "askonce_build_info",
      help: "Version of askonce and its runtime.",
      type: "gauge",
      values: [{ value: 1, labels: { version: build.version, runtime: build.runtime } }],
    });
  if (process !== undefined)
    families.push(
      one("process_cpu_seconds_total", "User and system CPU time.", process.cpuSeconds),
      gauge("process_resident_memory_bytes", "Resident memory size.", process.residentBytes),
      gauge("process_start_time_seconds", "Start time since the epoch.", process.startedAt / 1000),
    );
  return families;
}

function byWord(name: string, help: string, times: Sums["duration"]): Family {
  const told = WORDS.filter((word) => times[word].bins.some(Boolean));
  return {
    name,
    help,
    type: "histogram",
    values: told.flatMap((word) => histogram(name, times[word], { cache_status: word })),
  };
}

function histogram(name: string, { bins, sumMs }: Times, labels: Labels): Value[] {
  let count = 0;
  const buckets = bins.map((here, bin) => {
    count += here;
    const bound = LATENCY_BINS[bin];
    const le = bound === undefined ? "+Inf" : bound / 1000;
    return { metricName: `${name}_bucket`, value: count, labels: { ...labels, le } };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, value: sumMs / 1000, labels },
    { metricName: `${name}_count`, value: count, labels },
  ];
}

type Counted = {
  [K in keyof Total]: Total[K] extends number ? K : never;
}[keyof Total];

const sums = (all: readonly Total[], member: Counted) =>
  all.map((total) => ({
    value: total[member],
    labels: { provider: total.provider, endpoint: total.endpoint },
  }));

const isCounted = ({ value }: Value) => value > 0;

function counter(name: string, help: string, values: readonly Value[]): Family {
  return { name, help, type: "counter", values };
}

const one = (name: string, help: string, value: number) => counter(name, help, [{ value }]);

function gauge(name: string, help: string, value: number): Family {
  return { name, help, type: "gauge", values: [{ value }] };
}
