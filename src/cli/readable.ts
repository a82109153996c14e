/** Figures as people read them. */

/** `4,812` */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `812`, `34.5k`, `1.2M` */
export function short(value: number): string {
  const units: readonly (readonly [least: number, unit: string])[] = [
    [999_950_000, "G"],
    [999_950, "M"],
    [1_000, "k"],
  ];
  const sizes = { G: 1e9, M: 1e6, k: 1e3 } as const;
  for (const [least, unit] of units) {
    if (value >= least) return `${trimmed((value / sizes[unit as keyof typeof sizes]).toFixed(1))}${unit}`;
  }
  return String(Math.round(value));
}

/** `$61.20`, `$0.0031`; `price unknown` where it is. */
export function usd(value: number | null | undefined): string {
  if (value === null || value === undefined) return "price unknown";
  if (value === 0) return "$0.00";
  if (value >= 0.1) return `$${value.toFixed(2).replace(/\B(?=(\d{3})+\.)/g, ",")}`;
  if (value < 0.000_000_5) return "<$0.000001";
  // Two digits that count, so that a cheap call is no zero.
  const digits = Math.min(6, 1 - Math.floor(Math.log10(value)));
  return `$${value.toFixed(digits).replace(/(\.\d\d\d*?)0+$/, "$1")}`;
}

const STEPS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
] as const;

/** `0.4 ms`, `850 ms`, `2.4 s`, `2m 10s`, `2h 10m`, `3d 4h` */
export function duration(ms: number): string {
  if (ms < 10) return `${trimmed(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trimmed((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000);
  const at = STEPS.findIndex(([, size]) => seconds >= size);
  const [unit, size] = STEPS[at]!;
  const next = STEPS[at + 1];
  const rest = next ? Math.floor((seconds % size) / next[1]) : 0;
  return `${Math.floor(seconds / size)}${unit}${rest > 0 ? ` ${rest}${next![0]}` : ""}`;
}

/** `3s`, `5m`, `2h`, `4d` */
export function age(seconds: number): string {
  const [unit, size] = STEPS.find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${Math.max(0, Math.floor(seconds / size))}${unit}`;
}

/** `512 B`, `61.2 KiB` */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let amount = value;
  let unit = 0;
  while (amount >= 1023.95 && unit < units.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? amount : trimmed(amount.toFixed(1))} ${units[unit]}`;
}

/** `96.2%` */
export function percent(part: number, whole: number): string {
  return whole === 0 ? "–" : `${trimmed(((part / whole) * 100).toFixed(1))}%`;
}

/** `1 entry`, `2 entries` */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Local date and time, to the second. */
export function moment(rfc3339: string): string {
  const at = new Date(rfc3339);
  if (Number.isNaN(at.getTime())) return rfc3339;
  const two = (value: number) => String(value).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${timeOfDay(rfc3339)}`;
}

/** Local `21:13:28`. */
export function timeOfDay(rfc3339: string): string {
  const at = new Date(rfc3339);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function trimmed(digits: string): string {
  return digits.replace(/\.0$/, "");
}
