/** Lines over two axes as an SVG that reads on light and dark pages. */
import type { Line, Plot } from "./results.ts";

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 74;
const RIGHT = 24;
const TOP = 78;
const BOTTOM = 52;
/** Apart for people who see colours otherwise, too (Okabe and Ito). */
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

interface Axis {
  readonly ticks: readonly number[];
  at(value: number): number;
}

export function svgOf(plot: Plot): string {
  const points = plot.lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const x = plot.logX ? logAxis(xs) : linearAxis(Math.max(...xs));
  const ys = points.map((point) => point[1]);
  const y = plot.logY ? decades(ys) : linearAxis(Math.max(...ys));
  const toX = (value: number) => LEFT + x.at(value) * (WIDTH - LEFT - RIGHT);
  const toY = (value: number) => HEIGHT - BOTTOM - y.at(value) * (HEIGHT - TOP - BOTTOM);
  const marks = [
    ...y.ticks.map(
      (value) =>
        `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${round(toY(value))}" y2="${round(toY(value))}" stroke="#8884"/>` +
        `<text x="${LEFT - 8}" y="${round(toY(value) + 4)}" text-anchor="end">${label(value)}</text>`,
    ),
    ...x.ticks.map(
      (value) =>
        `<line x1="${round(toX(value))}" x2="${round(toX(value))}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM + 5}" stroke="#888"/>` +
        `<text x="${round(toX(value))}" y="${HEIGHT - BOTTOM + 19}" text-anchor="middle">${label(value)}</text>`,
    ),
  ];
  const lines = plot.lines.map((line, n) => drawn(line, { color: colorOf(n), toX, toY }));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(plot.title)}">
<style>svg{background:#fff}text{font:12px system-ui,sans-serif;fill:#222}.title{font-size:15px;font-weight:600}@media (prefers-color-scheme:dark){svg{background:#111}text{fill:#ddd}}</style>
<text class="title" x="${LEFT}" y="24">${escaped(plot.title)}</text>
${legend(plot.lines)}
${marks.join("\n")}
<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${HEIGHT - BOTTOM}" y2="${HEIGHT - BOTTOM}" stroke="#888"/>
${lines.join("\n")}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 12}" text-anchor="middle">${escaped(plot.x)}</text>
<text transform="translate(16 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(plot.y)}</text>
</svg>
`;
}

function colorOf(n: number): string {
  return COLORS[n % COLORS.length] as string;
}

function drawn(
  line: Line,
  { color, toX, toY }: { color: string; toX(value: number): number; toY(value: number): number },
): string {
  const places = line.points.map(([x, y]) => `${round(toX(x))},${round(toY(y))}`);
  // Many points are a line by themselves.
  const dots =
    places.length > 40
      ? ""
      : places
          .map(
            (place) =>
              `<circle cx="${place.split(",")[0]}" cy="${place.split(",")[1]}" r="3" fill="${color}"/>`,
          )
          .join("");
  return `<polyline points="${places.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>${dots}`;
}

function legend(lines: readonly Line[]): string {
  let x = LEFT;
  let y = 46;
  return lines
    .map(({ name }, n) => {
      const width = 34 + name.length * 6.8;
      if (x + width > WIDTH - RIGHT && x > LEFT) {
        x = LEFT;
        y += 18;
      }
      const mark = `<line x1="${round(x)}" x2="${round(x + 18)}" y1="${y - 4}" y2="${y - 4}" stroke="${colorOf(n)}" stroke-width="3"/><text x="${round(x + 24)}" y="${y}">${escaped(name)}</text>`;
      x += width;
      return mark;
    })
    .join("");
}

function linearAxis(most: number): Axis {
  const rough = (most > 0 ? most : 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const count = Math.ceil((most > 0 ? most : 1) / step);
  return {
    ticks: Array.from({ length: count + 1 }, (_, n) => n * step),
    at: (value) => value / (count * step),
  };
}

/** From the least value to the greatest, with a tick at each power of ten. */
function logAxis(values: readonly number[]): Axis {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const first = Math.ceil(low - 0.01);
  const ticks = Array.from({ length: Math.floor(high + 0.01) - first + 1 }, (_, n) => 10 ** (first + n));
  return { ticks, at: (value) => (high > low ? (Math.log10(value) - low) / (high - low) : 0.5) };
}

/** Whole powers of ten around all values. */
function decades(values: readonly number[]): Axis {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n));
  return { ticks, at: (value) => (Math.log10(value) - low) / (high - low) };
}

function label(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return value === 0 || value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
