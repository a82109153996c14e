import { columnsOf, fitted, padded } from "./display.ts";

export interface Column {
  readonly head: string;
  readonly align?: "left" | "right";
  /** Takes at most so many columns. */
  readonly most?: number;
  /** Gives way first where the whole is too wide, down to this; columns without it keep what they need. */
  readonly least?: number;
  /** Colors a cell, told what it says; called behind the layout. */
  readonly paint?: (cell: string, text: string) => string;
}

const GAP = "  ";
const LEAST = 4;

/** The widths that these rows need, no more than `width` together. */
export function layout(
  columns: readonly Column[],
  { rows, width }: { rows: readonly (readonly string[])[]; width: number },
): readonly number[] {
  const widths = columns.map(({ head, most = Number.POSITIVE_INFINITY }, at) => {
    const needed = rows.reduce((widest, row) => Math.max(widest, columnsOf(row[at] ?? "")), columnsOf(head));
    return Math.min(most, needed);
  });
  const total = () => widths.reduce((sum, one) => sum + one, GAP.length * (columns.length - 1));
  // The last column that can gives way first: it is the one that says the most and matters the least. In a very
  // narrow window all do.
  for (const leastOf of [({ least }: Column) => least, () => LEAST]) {
    for (let at = columns.length - 1; at >= 0 && total() > width; at--) {
      const least = leastOf(columns[at]!);
      if (least !== undefined)
        widths[at] = Math.max(Math.min(least, widths[at]!), widths[at]! - (total() - width));
    }
  }
  return widths;
}

/** The rows as lines, below their heads unless `heads` is false; cells hold no control characters. */
export function table(
  columns: readonly Column[],
  {
    rows,
    width,
    widths = layout(columns, { rows, width }),
    heads = (text: string) => text,
  }: {
    rows: readonly (readonly string[])[];
    width: number;
    widths?: readonly number[];
    heads?: ((text: string) => string) | false;
  },
): string {
  const cell = (at: number, text: string) => padded(text, widths[at]!, columns[at]!.align);
  const joined = (cells: readonly string[]) => cells.join(GAP).trimEnd();
  const top = heads === false ? [] : [heads(joined(columns.map(({ head }, at) => cell(at, head))))];
  const body = rows.map((row) =>
    joined(
      columns.map(({ paint }, at) => {
        const text = row[at] ?? "";
        return paint ? paint(cell(at, text), text) : cell(at, text);
      }),
    ),
  );
  return [...top, ...body].map((text) => `${text}\n`).join("");
}

/** Facts one below the other, their names in one column; a value goes on below itself at each line break. */
export function facts(
  pairs: readonly (readonly [name: string, value: string | undefined])[],
  {
    width,
    indent = "",
    dim = (text: string) => text,
  }: { width: number; indent?: string; dim?: (text: string) => string },
): string {
  const shown = pairs.filter((pair): pair is [string, string] => pair[1] !== undefined);
  const names = Math.max(0, ...shown.map(([name]) => columnsOf(name)));
  const left = width - indent.length - names - GAP.length;
  return shown
    .map(([name, value]) =>
      value
        .split("\n")
        .map(
          (text, at) => `${indent}${dim(padded(at === 0 ? name : "", names))}${GAP}${fitted(text, left)}\n`,
        )
        .join(""),
    )
    .join("");
}
