/** Numbers that look random and are the same on every machine and in every year. */
export type Random = {
  /** From 0 to below 1. */
  next(): number;
  /** A whole number, both ends included. */
  between(low: number, high: number): number;
  pick<const Values extends readonly [unknown, ...unknown[]]>(values: Values): Values[number];
};

/** mulberry32: 32 bits of state, plenty for a demo. */
export function createRandom(seed: number): Random {
  // Neighbouring seeds, as rows have them, start far apart.
  let state = Math.imul(seed, 0x9e3779b1);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (low: number, high: number) => low + Math.floor(next() * (high - low + 1));
  return { next, between, pick: (values) => values[between(0, values.length - 1)] ?? values[0] };
}

/** Number of each table in its rows' keys. */
const tableNumbers = { customers: 1, products: 2, orders: 3, shipments: 4 } as const;

export type DemoTable = keyof typeof tableNumbers;

/** The key of a row: UUID version 8 (RFC 9562, "yours to define") that says in plain sight which row it is. */
export function demoId(table: DemoTable, row: number): string {
  return `${String(tableNumbers[table]).padStart(8, "0")}-0000-8000-8000-${String(row).padStart(12, "0")}`;
}

/** A stream of its own for each row: any row can be made without the ones before it. */
export function randomForRow(table: DemoTable, row: number): Random {
  return createRandom(tableNumbers[table] * 1_000_000 + row);
}
