import { randomUUID } from "node:crypto";
import type { HistoryCode } from "#lib/contract.ts";
import type { MigrateResult } from "#lib/protocol.ts";
import { baseline, selectBaseline } from "#lib/migrate/baseline.ts";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import type { Migration, MigrationFolder } from "#lib/migrate/folder/source.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "./command-context.ts";
import { describeRequester, readCheckout } from "./provenance.ts";
import { refuseStaleBundle } from "./stage/stale-bundle.ts";
import type { StageTarget, Target, UrlTarget } from "./target.ts";
import { describeUnwatched } from "./stage/run-progress.ts";

type BaselineFlags = {
  readonly tag: string;
  readonly allow: readonly HistoryCode[];
  readonly lockWait?: number;
  readonly stealLock?: boolean;
  readonly runId?: string | undefined;
};

/** `migrate --baseline`: says what it would record, then has it recorded where the history is empty. */
export async function baselineFor(
  target: Target,
  folder: MigrationFolder,
  flags: BaselineFlags,
  context: CommandContext,
): Promise<MigrateResult> {
  context.output.note(describeSelection(selectBaseline(folder, flags.tag), folder));
  return target.kind === "stage"
    ? await baselineStage(target, folder, flags, context)
    : await baselineUrl(target, folder, flags, context);
}

async function baselineStage(
  target: StageTarget,
  folder: MigrationFolder,
  { tag, allow, lockWait, stealLock, runId }: BaselineFlags,
  context: CommandContext,
): Promise<MigrateResult> {
  refuseStaleBundle(target.manifest, folder);
  const [{ replies }, { runFor }] = await Promise.all([
    import("#lib/stage/replies.ts"),
    import("./stage/stage-run.ts"),
  ]);
  const requestedBy = describeRequester();
  // Without what was not asked for, as `migrate` does it.
  const others = {
    ...(allow.length === 0 ? {} : { allow }),
    ...(lockWait === undefined ? {} : { lockWaitMs: lockWait }),
    ...(stealLock === undefined ? {} : { stealLock }),
  };
  const request = { action: "baseline", requestedBy, migrationsHash: folder.hash, tag, ...others } as const;
  return replies.migrate(await runFor(target, request, context, { runId }));
}

async function baselineUrl(
  { address }: UrlTarget,
  folder: MigrationFolder,
  { tag, allow, lockWait: lockWaitMs, stealLock, runId = randomUUID() }: BaselineFlags,
  { signal, output, root }: CommandContext,
): Promise<MigrateResult> {
  const bundle = await readCheckout(root);
  await using connections = await connectForRun(runId, async (options) => connect(address, options), signal);
  return await baseline(connections, {
    folder,
    tag,
    runId,
    requestedBy: describeRequester(),
    bundle,
    allow,
    lockWaitMs,
    stealLock,
    signal,
    onWait: (holder) => output.note(`waiting for ${holder?.applicationName ?? "another run"} to end`),
    onUnwatched: ({ message }) => output.note(describeUnwatched({ reason: message })),
  });
}

function describeSelection(selected: readonly Migration[], { migrations }: MigrationFolder): string {
  const left = migrations.length - selected.length;
  const count = selected.length === 1 ? "1 migration" : `${selected.length} migrations`;
  return [
    `would record ${count} as applied without running, where the history is empty, which leaves ${left} pending:`,
    ...selected.map(({ tag }) => tag),
  ].join("\n");
}
