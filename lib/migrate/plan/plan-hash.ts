import { createHash } from "node:crypto";
import type { RecordedStep } from "../apply/steps/recorded-steps.ts";
import type { AppliedRow, History } from "../history/history.ts";

/** What a plan would run on. */
export type PlannedOn = {
  readonly applied: readonly AppliedRow[];
  /** What has run of half-applied migrations, by tag. */
  readonly begun: ReadonlyMap<string, readonly RecordedStep[]>;
  /** See `readDatabaseIdentity`. */
  readonly database: string;
};

/**
 * Names exactly what would run, and on what. Pure.
 *
 * - the pending migrations in order, by tag, time and checksum
 * - the history that they would run on, as the set that it is
 * - the statements of half-applied migrations that have run, or were under way
 * - the database: an approval that was given where a table is empty is none for another where it is not
 *
 * The same plan has the same hash whenever it is made, and whoever makes it. Not in it, on purpose: what is in the tables and how
 * much of it (an approval would expire by itself), who runs it, and the findings that are let be, for they change nothing of
 * what is pending and are refused or allowed by themselves.
 */
export function hashPlan({ pending }: Pick<History, "pending">, { applied, begun, database }: PlannedOn): string {
  const hash = createHash("sha256");
  hash.update(`database\0${database}\n`);
  const rows = applied.map(({ checksum, when }) => `${when}\0${checksum}`).toSorted();
  for (const row of rows) hash.update(`applied\0${row}\n`);
  const steps = [...begun].flatMap(([tag, recorded]) =>
    recorded.map(({ step, checksum, state }) => `${tag}\0${step}\0${state}\0${checksum}`),
  );
  for (const step of steps.toSorted()) hash.update(`begun\0${step}\n`);
  for (const { tag, when, checksum } of pending) hash.update(`pending\0${tag}\0${when}\0${checksum}\n`);
  return hash.digest("hex");
}
