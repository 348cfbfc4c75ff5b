import { createReadStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { drizzle } from "drizzle-orm/node-postgres";
import { from as copyFrom } from "pg-copy-streams";
import { type BenchDatabase, withClient } from "../database.ts";
import { psql } from "../psql.ts";
import { seedWithPostern } from "./postern.ts";
import { makeRow, people } from "./rows.ts";

/** The rows as files. */
export type SeedInput = {
  readonly rows: number;
  readonly csv: string;
  readonly seedsDir: string;
};

export type Seeder = {
  readonly name: string;
  readonly includes: string;
  /** True: the table has a row, and rows that are there already are passed over. */
  readonly startsFilled: boolean;
  seed(database: BenchDatabase, input: SeedInput): Promise<void>;
};

/** Names of the seed sets that Postern is given. */
export const seedSets = { csv: "csv", "csv-quoted": "csv-quoted", ndjson: "ndjson" } as const;

const copySql = "people from {} with (format csv, header)";
const drizzleRows = 1_000;

export const seeders: readonly Seeder[] = [
  posternSeeder("postern, CSV", seedSets.csv, false),
  posternSeeder("postern, NDJSON", seedSets.ndjson, false),
  posternSeeder("postern, CSV, table not empty", seedSets.csv, true),
  posternSeeder("postern, CSV in quotes, table not empty", seedSets["csv-quoted"], true),
  posternSeeder("postern, NDJSON, table not empty", seedSets.ndjson, true),
  {
    name: "psql \\copy",
    includes: "start of a process, connection, CSV",
    startsFilled: false,
    seed: async (database, { csv }) => psql(database, ["-c", `\\copy ${copySql.replace("{}", `'${csv}'`)}`]),
  },
  {
    name: "pg-copy-streams",
    includes: "connection, CSV",
    startsFilled: false,
    seed: async (database, { csv }) =>
      withClient(database, async (client) => {
        await pipeline(createReadStream(csv), client.query(copyFrom(`copy ${copySql.replace("{}", "stdin")}`)));
      }),
  },
  {
    name: "drizzle insert",
    includes: `connection, objects made on the way, ${drizzleRows} a statement`,
    startsFilled: false,
    seed: async (database, { rows }) => insertWithDrizzle(database, rows, false),
  },
  {
    name: "drizzle insert, onConflictDoNothing",
    includes: `connection, objects made on the way, ${drizzleRows} a statement`,
    startsFilled: true,
    seed: async (database, { rows }) => insertWithDrizzle(database, rows, true),
  },
];

function posternSeeder(name: string, set: string, startsFilled: boolean): Seeder {
  return {
    name,
    includes: "connection, lock, ledger, the first rows checked, transactions of 8 MiB or 10,000 rows",
    startsFilled,
    seed: async ({ address }, { seedsDir }) => seedWithPostern(address, { seedsDir, set }),
  };
}

async function insertWithDrizzle(database: BenchDatabase, rows: number, isIdempotent: boolean): Promise<void> {
  await withClient(database, async (client) => {
    const db = drizzle(client);
    for (let first = 1; first <= rows; first += drizzleRows) {
      const length = Math.min(drizzleRows, rows - first + 1);
      const batch = Array.from({ length }, (_, index) => makeRow(first + index));
      const insert = db.insert(people).values(batch);
      await (isIdempotent ? insert.onConflictDoNothing() : insert);
    }
  });
}
