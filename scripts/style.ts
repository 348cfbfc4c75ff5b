import { styleText } from "node:util";

/** Meanings, not colours: what a terminal makes of them is said once, here. */
export type Style = Readonly<Record<"strong" | "dim" | "good" | "warn" | "bad", (text: string) => string>>;

const asIs = (text: string): string => text;

export const plainStyle: Style = { strong: asIs, dim: asIs, good: asIs, warn: asIs, bad: asIs };

/** For a terminal. Whether it is one was decided by the caller, so the stream is not asked again. */
export function createStyle(): Style {
  return { strong: paint("bold"), dim: paint("dim"), good: paint("green"), warn: paint("yellow"), bad: paint("red") };
}

function paint(format: "bold" | "dim" | "green" | "yellow" | "red"): (text: string) => string {
  return (text) => styleText(format, text, { validateStream: false });
}

export type Cell = string | number;

/** Rows as aligned columns; numbers to the right. Widths are counted in code points. */
export function alignColumns(rows: readonly (readonly Cell[])[], gap = "  "): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, String(cell).length);
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return typeof cell === "number" ? String(cell).padStart(width) : cell.padEnd(width);
      })
      .join(gap)
      .trimEnd(),
  );
}
