import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { finished } from "node:stream/promises";
import { bigint, boolean, integer, pgTable, text, timestamp } from "drizzle-orm/pg-core";

/** A row as an application would make it: about 109 bytes of CSV. */
export type Row = typeof people.$inferInsert;

export const createPeople = `create table people (
  id bigint constraint people_pkey primary key,
  email text not null,
  name text not null,
  city text not null,
  points integer not null,
  is_active boolean not null,
  joined_at timestamptz not null
)`;

/** A row that is none of those that are made. */
export const insertStranger =
  "insert into people values (0, 'stranger@example.com', 'A stranger', 'Nowhere', 0, false, now())";

/** The same table in drizzle's words. */
export const people = pgTable("people", {
  id: bigint("id", { mode: "number" }).primaryKey(),
  email: text("email").notNull(),
  name: text("name").notNull(),
  city: text("city").notNull(),
  points: integer("points").notNull(),
  is_active: boolean("is_active").notNull(),
  joined_at: timestamp("joined_at", { withTimezone: true, mode: "string" }).notNull(),
});

const columns = ["id", "email", "name", "city", "points", "is_active", "joined_at"] as const;
const cities = ["Amsterdam", "Barcelona", "Copenhagen", "Dubrovnik", "Edinburgh", "Florence"] as const;

/** No randomness: every tool gets the same rows. */
export function makeRow(id: number): Row {
  const hash = Math.imul(id, 2_654_435_761) >>> 0;
  return {
    id,
    email: `${hash.toString(36)}.${id}@mail.example.com`,
    name: `Given${hash % 997} Family${hash % 7919}`,
    city: cities[hash % cities.length] ?? cities[0],
    points: hash % 1_000_000,
    is_active: hash % 3 !== 0,
    joined_at: `20${10 + (hash % 15)}-0${1 + (hash % 9)}-1${hash % 10} 12:34:56.${100_000 + (hash % 900_000)}+00`,
  };
}

/** `csv-quoted`: each field in quotes, as most programs export. */
export type RowFormat = "csv" | "csv-quoted" | "ndjson";

/** Writes the rows 1 to `count`; says how many bytes a row takes. */
export async function writeRows(path: string, format: RowFormat, count: number): Promise<number> {
  const stream = createWriteStream(path);
  if (format !== "ndjson") stream.write(`${columns.join(",")}\n`);
  const perChunk = 10_000;
  for (let first = 1; first <= count; first += perChunk) {
    const rows = Array.from({ length: Math.min(perChunk, count - first + 1) }, (_, index) => makeRow(first + index));
    const lines = rows.map((row) => toLine[format](row));
    if (!stream.write(`${lines.join("\n")}\n`)) await once(stream, "drain");
  }
  stream.end();
  await finished(stream);
  return stream.bytesWritten / count;
}

const toLine: Readonly<Record<RowFormat, (row: Row) => string>> = {
  csv: toCsv,
  "csv-quoted": (row) => columns.map((column) => `"${String(row[column])}"`).join(","),
  ndjson: (row) => JSON.stringify(row),
};

/** No value holds a comma, a quote or a line break. */
function toCsv(row: Row): string {
  return columns.map((column) => String(row[column])).join(",");
}
