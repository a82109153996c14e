/** The page docs/benchmarks.md, made from the results; what stands between its marks is kept as people wrote it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BurstCase, burstCases, DEMANDED } from "./cases.ts";
import { short } from "./figures.ts";
import { names, type Peer } from "./peers.ts";
import { svgOf } from "./plot.ts";
import type { Outcome, PeerFigures, Results, Table } from "./results.ts";

const MARK = "<!-- by hand: the generator keeps what stands between these marks -->";
const END_MARK = "<!-- /by hand -->";
const EMPTY_HAND = "\n## What was tried, and where the time goes\n\nNothing yet.\n\n";
/** Whose figures are judged. */
const JUDGED: Peer = "executable";

const NGINX_LIMIT = `nginx has no hit for prompts over some 65 KB: it notes in 16 bits where in a cached file the answer begins, behind the key, and
the key is the prompt. It stores such an answer each time, finds its file "too small" and asks the provider again. With 200 KB
and 1 MB its figures are therefore those of misses, and the ratio compares askonce's hit with what nginx does in its place.`;

export function writeReport(folder: string, results: Results): void {
  const path = join(folder, "benchmarks.md");
  const old = existsSync(path) ? readFileSync(path, "utf8") : "";
  const [from, to] = [old.indexOf(MARK), old.indexOf(END_MARK)];
  const hand = from >= 0 && to > from ? old.slice(from + MARK.length, to) : EMPTY_HAND;
  const parts = [
    heading(results),
    demanded(results),
    losses(results),
    `${MARK}${hand}${END_MARK}`,
    ...groups(results),
    ...Object.entries(results.others).map(([name, outcome]) => section(name, outcome)),
    footing(results),
  ];
  mkdirSync(join(folder, "benchmarks"), { recursive: true });
  writeFileSync(path, `${parts.filter((part) => part !== "").join("\n\n")}\n`);
  for (const { plots } of Object.values(results.others))
    for (const plot of plots) writeFileSync(join(folder, "benchmarks", `${plot.file}.svg`), svgOf(plot));
}

function heading({ machine }: Results): string {
  return `# Benchmarks

Made by \`scripts/bench/run\`; figures are ratios to nginx with a cache as people put it before LLM APIs (the whole body is the
key), on the same core in the same run. More is better, 1 is nginx. Machine:

${machine.map((line) => `- ${line}`).join("\n")}

How: each server runs on core 0 alone, one at a time under load; wrk and the scripted provider on core 1. Short bursts in
turn, forwards and backwards, after each server has grown warm; the figure is the median of the rounds' ratios. \`rate\` is
requests a second. \`work\` is processor time a request (user and kernel, all threads and children, with what the server does
about a request after its answer), turned round so that more is better: it holds where the load's core is the limit or a
neighbour makes noise. askonce runs as it comes, with its log, its journal and what it remembers of requests on. Each burst is
checked: the provider counts its calls, so a hit is a hit and a miss a miss, and any answer but a 200 ends the benchmark.
"From disk" means read from files, which the system's page cache holds.`;
}

function demanded(results: Results): string {
  const rows = burstCases
    .filter(({ group }) => group === DEMANDED)
    .flatMap(({ name, atLeast, aim }) => {
      const own = results.bursts[name]?.peers[JUDGED];
      if (!own) return [];
      const verdict =
        own.rateRatio >= (aim ?? 0) ? "aim reached" : own.rateRatio >= (atLeast ?? 0) ? "met" : "**not met**";
      return [[name, short(own.rateRatio), short(own.cpuRatio), String(atLeast), String(aim), verdict]];
    });
  const bounds = Object.values(results.others)
    .flatMap((outcome) => outcome.bounds)
    .map(({ what, found, met }) => [what, found, met ? "met" : "**not met**"]);
  const tables = [
    table({ head: ["case", "rate", "work", "at least", "aim", ""], rows }),
    table({ head: ["demanded", "found", ""], rows: bounds }),
  ];
  return `## What was demanded\n\n${NGINX_LIMIT}\n\n${tables.filter((text) => text !== "").join("\n\n")}`;
}

function losses(results: Results): string {
  const rows = burstCases.flatMap(({ name }) => {
    const own = results.bursts[name]?.peers[JUDGED];
    if (!own || (own.rateRatio >= 1 && own.cpuRatio >= 1)) return [];
    return [[name, short(own.rateRatio), short(own.cpuRatio)]];
  });
  const others = Object.entries(results.others).flatMap(([name, { losses = [] }]) =>
    losses.map((loss) => `- ${name}: ${loss}`),
  );
  const parts = [table({ head: ["case", "rate", "work"], rows }), others.join("\n")].filter(
    (part) => part !== "",
  );
  return `## Where askonce loses to nginx\n\n${parts.length === 0 ? "In none of the cases below." : parts.join("\n\n")}`;
}

function groups(results: Results): string[] {
  return [...new Set(burstCases.map(({ group }) => group))].flatMap((group) => {
    const measured = burstCases.filter((one) => one.group === group && results.bursts[one.name]);
    if (measured.length === 0) return [];
    const peers = (Object.keys(names) as Peer[]).filter((peer) =>
      measured.some(({ name }) => results.bursts[name]?.peers[peer]),
    );
    const rows = measured.map(({ name }) => [
      name,
      ...peers.map((peer) => cell(results.bursts[name]?.peers[peer], peer)),
    ]);
    const calls = measured.some(
      ({ kind }) => kind === "joined" || kind === "rewritten" || kind === "partial",
    );
    const head = ["rate / work", ...peers.map((peer) => names[peer])];
    return [`## ${group}\n\n${table({ head, rows })}${calls ? `\n\n${callsOf(results, group)}` : ""}`];
  });
}

/** nginx's own cell has what the others are ratios of. */
function cell(figures: PeerFigures | undefined, peer: Peer): string {
  if (!figures) return "-";
  if (peer === "nginx") return `${short(figures.rate)}/s, ${short(figures.cpuUs)} us`;
  return `${short(figures.rateRatio)} / ${short(figures.cpuRatio)}`;
}

/** Where fewer calls to the provider are the point. */
function sparing({ kind }: BurstCase): boolean {
  return kind === "joined" || kind === "rewritten";
}

function callsOf(results: Results, group: string): string {
  const said = burstCases
    .filter((one) => one.group === group && sparing(one))
    .flatMap(({ name }) => {
      const peers = results.bursts[name]?.peers;
      const [own, other] = [peers?.[JUDGED]?.calls, peers?.nginx?.calls];
      if (own === undefined || other === undefined) return [];
      return [`- ${name}: askonce ${short(own * 1000)}, nginx ${short(other * 1000)}`];
    });
  return `Calls to the provider for a thousand requests:\n\n${said.join("\n")}`;
}

function section(name: string, { tables, plots, notes }: Outcome): string {
  const parts = [
    `## ${name}`,
    ...notes,
    ...tables.map(table),
    ...plots.map(({ file, title }) => `![${title}](benchmarks/${file}.svg)`),
  ];
  return parts.join("\n\n");
}

function footing({ bursts, others }: Results): string {
  const efforts = new Map<string, number>();
  for (const { commit, effort } of [...Object.values(bursts), ...Object.values(others)]) {
    const text = `commit ${commit}, ${effort}`;
    efforts.set(text, (efforts.get(text) ?? 0) + 1);
  }
  const lines = [...efforts].map(([text, count]) => `- ${count} of the measurements: ${text}`);
  return `## Runs\n\n${lines.join("\n")}\n\nThe figures themselves: [results.json](benchmarks/results.json).`;
}

function table({ head, rows }: Table): string {
  if (rows.length === 0) return "";
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, n) => (n === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
