import { PosternError } from "#lib/base/errors.ts";
import { readAppliedTags } from "./ledger.ts";
import type { RunContext } from "./recorded-run.ts";

const limits = Object.freeze({ tryForMs: 30_000, pauseMs: 500, lingerMs: 2000 });

/**
 * Finds out which migrations of a run were committed when its connection was lost: the ledger has them, or never will. Also of those
 * before the last, for a server that crashed may have forgotten commits that were not waited for (`transactionSettings`).
 *
 * 1. Connect anew; the server may be restarting.
 * 2. Wait until the lost connection's backend is gone, for it may be committing; end it when it lingers.
 * 3. Look into the ledger.
 *
 * A run that was called off, or has lost its lease, looks once: losing the lease is how a run most often loses its connection.
 *
 * @returns undefined when the server cannot be reached in time: then nobody knows
 */
export async function findApplied({
  runId,
  clock,
  open,
  signal,
}: Pick<RunContext, "runId" | "clock" | "open" | "signal">): Promise<ReadonlySet<string> | undefined> {
  const startMs = clock.nowMs();
  do {
    try {
      await using connection = await open();
      const { client } = connection;
      const askedMs = clock.nowMs();
      for (;;) {
        const lingers = await client.query<{ pid: number }>(
          `select a.pid from postern.runs r join pg_stat_activity a on a.pid = r.backend_pid
           where r.run_id = $1 and starts_with(a.application_name, 'postern run ' || r.run_id)`,
          [runId],
        );
        const pid = lingers.rows[0]?.pid;
        if (pid === undefined) return await readAppliedTags(client, runId);
        if (clock.nowMs() - askedMs > limits.lingerMs) await client.query("select pg_terminate_backend($1)", [pid]);
        await clock.sleep(limits.pauseMs / 5);
      }
    } catch (error) {
      if (error instanceof PosternError && error.code === "auth.rejected") return undefined;
      await clock.sleep(limits.pauseMs, signal).catch(() => undefined);
    }
  } while (clock.nowMs() - startMs < limits.tryForMs && !signal.aborted);
  return undefined;
}
