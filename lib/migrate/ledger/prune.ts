import { createHash } from "node:crypto";
import type pg from "pg";
import { deployRunPrefix } from "./ledger.ts";

/** `newest` runs stay, whatever they are; nothing goes that ended within `days`, at most `most` at once. */
const kept = Object.freeze({ newest: 1000, days: 7, most: 1000 });

/** One run in so many looks, so that the others, most of which find nothing to do, stay as quick as they are. */
const everyNth = 16;

/** Whether it falls to this run. By its id, which its maker drew. Pure. */
export function isToPrune(runId: string): boolean {
  return (createHash("sha256").update(runId).digest()[0] ?? 0) % everyNth === 0;
}

/**
 * Removes old runs from the ledger. These stay: those that have not ended; the newest; what has ended within a week, so that an
 * id which comes again is known; those that applied a migration, recorded a baseline, or did a step of a migration that is
 * half applied; those that pushed, for a rename that one of them did is never done again by itself (see `decideRename`);
 * those of deploys, every attempt, for what one has done no other does again (see `runOnce`); and the last that had the lease.
 *
 * Two at once pass over each other's rows. In a transaction with the caller's settings; the caller lets be what fails.
 */
export async function pruneRuns(client: pg.ClientBase): Promise<void> {
  await client.query(
    `with old as (
       select r.run_id from postern.runs r
       where r.ended_at < now() - make_interval(days => $2)
         and r.started_at < (select started_at from postern.runs order by started_at desc offset $1 limit 1)
         and not (r.action = 'baseline' and r.outcome = 'applied')
         and not (r.action = 'push' and r.outcome = 'pushed')
         and not starts_with(r.run_id, $4)
         and not exists (select from postern.run_migrations m where m.run_id = r.run_id and m.outcome = 'applied')
         and not exists (select from postern.migration_steps s where s.run_id = r.run_id)
         and not exists (select from postern.lease l where l.run_id = r.run_id)
       order by r.started_at limit $3 for update of r skip locked
     ), failures as (
       delete from postern.run_migrations m using old where m.run_id = old.run_id
     )
     delete from postern.runs r using old where r.run_id = old.run_id`,
    [kept.newest - 1, kept.days, kept.most, deployRunPrefix],
  );
}
