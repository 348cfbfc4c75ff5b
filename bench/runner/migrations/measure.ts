import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type BenchDatabase, type BenchServer, withClient } from "../database.ts";
import type { Sizes } from "../sizes.ts";
import { measureInRounds, quantile } from "../../figures/statistics.ts";
import { type Migrator, migrators } from "./contenders.ts";
import { makeMigrations } from "./ddl.ts";
import { type MigrationFolders, writeFolders } from "./folders.ts";

/** One value a round. */
export type MigrationTimes = {
  readonly name: string;
  readonly includes: string;
  readonly applyMs: readonly number[];
  /** Empty where the tool has no such thing. */
  readonly noOpMs: readonly number[];
};

/** Of one round: a no-op takes milliseconds, so that one alone says little. */
const noOps = 5;

/**
 * Applies the same migrations with each tool, each time to a fresh database, and then again, when nothing is pending.
 *
 * @throws Error when the tools do not all leave the same schema
 */
export async function measureMigrations(
  server: BenchServer,
  { migrations: count, rounds }: Sizes,
  hasPsql: boolean,
): Promise<MigrationTimes[]> {
  const folders = await writeFolders(join(server.workDir, "migrations"), makeMigrations(count));
  const contenders = migrators.filter(({ name }) => hasPsql || !name.startsWith("psql"));
  const schemas = new Set<string>();
  const times = await measureInRounds(contenders, rounds, async (migrator) => {
    const database = await server.createDatabase();
    const applyMs = await timed(migrator, database, folders);
    schemas.add(await countObjects(database));
    const noOpMs: number[] = [];
    for (let turn = 0; migrator.hasNoOp && turn < noOps; turn += 1) {
      await waitForItsConnection(migrator);
      noOpMs.push(await timed(migrator, database, folders));
    }
    return {
      applyMs,
      noOpMs:
        noOpMs.length === 0
          ? undefined
          : quantile(
              noOpMs.toSorted((a, b) => a - b),
              0.5,
            ),
    };
  });
  if (schemas.size !== 1) throw new Error(`The tools leave different schemas: ${[...schemas].join("; ")}`);
  return contenders.map(({ name, includes }) => {
    const values = times.get(name) ?? [];
    return {
      name,
      includes,
      applyMs: values.map(({ applyMs }) => applyMs),
      noOpMs: values.flatMap(({ noOpMs }) => (noOpMs === undefined ? [] : [noOpMs])),
    };
  });
}

/** Each no-op connects, as a command of its own would. However late timers are, this one is behind the tool's own. */
async function waitForItsConnection({ keepsConnectionMs }: Migrator): Promise<void> {
  if (keepsConnectionMs !== undefined) await delay(keepsConnectionMs + 50);
}

async function timed(migrator: Migrator, database: BenchDatabase, folders: MigrationFolders): Promise<number> {
  const start = performance.now();
  await migrator.apply(database, folders);
  return performance.now() - start;
}

/** Every tool keeps its books in a schema of its own, so that `public` must be the same. */
async function countObjects(database: BenchDatabase): Promise<string> {
  return await withClient(database, async (client) => {
    const { rows } = await client.query<{ counts: string }>(
      `select format('%s relations, %s columns, %s constraints, %s comments',
         (select count(*) from pg_class where relnamespace = 'public'::regnamespace),
         (select count(*) from information_schema.columns where table_schema = 'public'),
         (select count(*) from pg_constraint where connamespace = 'public'::regnamespace),
         (select count(*) from pg_description d join pg_class c on c.oid = d.objoid
          where d.classoid = 'pg_class'::regclass and c.relnamespace = 'public'::regnamespace)) as counts`,
    );
    return rows[0]?.counts ?? "";
  });
}
