import { randomUUID } from "node:crypto";
import type { ErrorDocument } from "#lib/base/errors.ts";
import type { HistoryCode } from "#lib/contract.ts";
import type { RehearsalResult, RehearsedMigration } from "#lib/protocol.ts";
import { rehearse } from "#lib/migrate/rehearse/rehearse.ts";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import type { MigrationFolder } from "#lib/migrate/folder/source.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "./command-context.ts";
import { describeRequester, readCheckout } from "./provenance.ts";
import { refuseStaleBundle } from "./stage/stale-bundle.ts";
import type { Style } from "./style.ts";
import type { StageTarget, Target, UrlTarget } from "./target.ts";
import { describeUnwatched } from "./stage/run-progress.ts";

/** `plan --rehearse`: has the pending migrations run and rolled back, prints what they did and sets the exit code. */
export async function rehearseFor(
  target: Target,
  folder: MigrationFolder,
  allow: readonly HistoryCode[],
  context: CommandContext,
): Promise<void> {
  const result =
    target.kind === "stage"
      ? await rehearseStage(target, folder, allow, context)
      : await rehearseUrl(target, folder, allow, context);
  context.output.result(result, describeRehearsal);
  if (result.error !== undefined && !context.output.json) context.output.error(result.error as ErrorDocument);
  if (result.status === "failed" || result.status === "refused") context.endWith(1);
}

async function rehearseStage(
  target: StageTarget,
  folder: MigrationFolder,
  allow: readonly HistoryCode[],
  context: CommandContext,
): Promise<RehearsalResult> {
  refuseStaleBundle(target.manifest, folder);
  const [{ replies }, { runFor }] = await Promise.all([
    import("#lib/stage/replies.ts"),
    import("./stage/stage-run.ts"),
  ]);
  const requestedBy = describeRequester();
  const overrides = allow.length === 0 ? {} : { allow };
  const request = { action: "rehearse", requestedBy, migrationsHash: folder.hash, ...overrides } as const;
  return replies.rehearsal(await runFor(target, request, context));
}

async function rehearseUrl(
  { address }: UrlTarget,
  folder: MigrationFolder,
  allow: readonly HistoryCode[],
  { signal, output, root }: CommandContext,
): Promise<RehearsalResult> {
  const runId = randomUUID();
  const bundle = await readCheckout(root);
  await using connections = await connectForRun(runId, async (options) => connect(address, options), signal);
  return await rehearse(connections, {
    folder,
    runId,
    requestedBy: describeRequester(),
    bundle,
    allow,
    signal,
    onWait: (holder) => output.note(`waiting for ${holder?.applicationName ?? "another run"} to end`),
    onUnwatched: ({ message }) => output.note(describeUnwatched({ reason: message })),
  });
}

function describeRehearsal({ status, migrations, ms, planHash }: RehearsalResult, style: Style): string {
  const isGood = status === "passed" || status === "partial";
  const rehearsed = migrations.filter(({ outcome }) => outcome === "passed").length;
  return [
    ...migrations.flatMap((migration) => describeMigration(migration, style)),
    `${isGood ? style.good(status) : style.bad(status)}: ${rehearsed} of ${migrations.length} rehearsed and rolled back in ${ms} ms`,
    `plan ${planHash}`,
  ].join("\n");
}

function describeMigration({ tag, outcome, reason, ms, statements }: RehearsedMigration, style: Style): string[] {
  const word =
    outcome === "passed" ? style.good("passed") : outcome === "failed" ? style.bad("failed") : style.warn(outcome);
  const because = reason === undefined ? "" : `: ${reason}`;
  return [
    `${style.strong(tag)}  ${word}${because} ${style.dim(`(${ms} ms)`)}`,
    ...statements.flatMap(({ line, ms: took, locks, rewritten }) => {
      const taken = locks.map(({ table, mode }) => `${mode} on ${table}`);
      const facts = [...taken, ...rewritten.map((table) => `wrote ${table} anew`)];
      return facts.length === 0 && took < 10 ? [] : [style.dim(`  ${line}: ${took} ms  ${facts.join(", ")}`.trimEnd())];
    }),
  ];
}
