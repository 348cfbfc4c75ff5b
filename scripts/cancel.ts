import { cancelRun } from "#lib/migrate/ledger/progress.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "./command-context.ts";
import { describeRequester } from "./provenance.ts";
import type { Target } from "./target.ts";

/**
 * `--cancel` of the verbs that begin runs: ends a run of any kind, and says where it stood.
 *
 * @throws PosternError `run.unknown` when there is nothing to cancel
 */
export async function cancelAt(target: Target, runId: string, context: CommandContext): Promise<void> {
  const { cancelOnStage, reportCancel } = await import("./stage/stage-run.ts");
  if (target.kind === "stage") return await cancelOnStage(target, runId, context);
  await using connection = await connect(target.address, { applicationName: "postern cancel", signal: context.signal });
  reportCancel(await cancelRun(connection.client, { runId, requestedBy: describeRequester() }), context);
}
