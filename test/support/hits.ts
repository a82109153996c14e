/** How long hits take while something else goes on, measured by a process of its own. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface Hits {
  /** Milliseconds each took. */
  readonly times: number[];
  readonly words: string[];
}

/** Hits of one stored request, asked one after another until the answered function is called. */
export function probe(port: number, request: { path: string; body: string }): () => Promise<Hits> {
  const script = fileURLToPath(new URL("probe.ts", import.meta.url));
  const hits = Promise.withResolvers<Hits>();
  const child = execFile(
    process.execPath,
    [script, String(port), request.path, request.body],
    { maxBuffer: 64 * 2 ** 20 },
    (fault, stdout) => (fault ? hits.reject(fault) : hits.resolve(JSON.parse(stdout))),
  );
  return () => {
    child.stdin?.end();
    return hits.promise;
  };
}

export function percentile(times: readonly number[], share: number): string {
  const sorted = times.toSorted((a, b) => a - b);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
}

export function shown({ times }: Hits): string {
  const [p50, p99, most] = [0.5, 0.99, 1].map((share) => percentile(times, share));
  return `p50 ${p50} p99 ${p99} most ${most} ms of ${times.length}`;
}
