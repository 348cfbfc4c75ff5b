import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { type ErrorDocument, PosternError } from "#lib/base/errors.ts";
import type { HistoryCode } from "#lib/contract.ts";
import type { MigrateResult, RunProgress } from "#lib/protocol.ts";
import type { BegunMigration } from "#lib/migrate/apply/apply-pending.ts";
import { migrate, type MigrateProgress } from "#lib/migrate/migrate.ts";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import { type MigrationFolder, readMigrations } from "#lib/migrate/folder/source.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "../command-context.ts";
import { parseDuration, parsePositiveDuration } from "../options/duration.ts";
import { baselineFor } from "../baseline.ts";
import { cancelAt } from "../cancel.ts";
import { describeAfterRun } from "../report/after-run-report.ts";
import { addMigrationsOption, readMigrationsOption } from "../options/migrations-option.ts";
import { addOverrideOptions, readOverrides } from "../options/override-options.ts";
import { addRunIdOptions, refuseInvalidRunIds, type RunIdFlags } from "../options/run-id-options.ts";
import { addLongRunOption, longRunHelp, offerLongRun, refuseLongRun } from "../stage/long-run.ts";
import { refuseStaleBundle } from "../stage/stale-bundle.ts";
import { describeRequester, readCheckout } from "../provenance.ts";
import { describeInterrupt, type Underway } from "../interrupt.ts";
import { describeMigrateProgress, describeRunProgress } from "../stage/run-progress.ts";
import type { Style } from "../style.ts";
import { addTargetOptions, openTarget, type StageTarget, type UrlTarget } from "../target.ts";

const help = `
With --stage the deployed functions apply the migrations of their bundle; when the folder here differs from it, nothing
is applied and you are told to deploy first.

With --approve only the plan of that hash runs, else nothing. On a protected stage a plan in which data is lost, or may be,
needs it: read it with \`postern plan\`, then approve it.

What contradicts between folder and database is refused. Each --allow flag lets one kind of it be, for this run alone, and
the ledger keeps which were used; what is pending, and the hash of its plan, is the same with it and without.

With --baseline the migrations up to and including that tag are recorded as applied and none is run: for a database that
was made otherwise and has no history yet. Nothing checks that it has what they make. It loses no data, so that a protected
stage takes it too.

A statement that does not get its lock within --lock-timeout is rolled back with its migration and tried again, with pauses, about
a minute long: others queue behind it no longer than that. Who blocks is named.

A run has an id. The same id again (--run-id) watches that run and gives its outcome; --cancel ends it, and stops its statement.
With --stage, Ctrl-C asks which of the two; without a terminal the run goes on. With --url, Ctrl-C finishes the migration that
is under way, or its statement where it cannot run in a transaction, and a second one stops that.
${longRunHelp}

Exit code: 0 applied or up to date, 1 refused or not everything was applied (also a migration that did not get its locks,
migrate.blocked), 2 a migration failed.

Examples:
  $ postern migrate --stage dev
  $ postern migrate --stage production --approve 3f9a…
  $ postern migrate --stage production --long-run
  $ postern migrate --stage dev --allow-out-of-order
  $ postern migrate --stage dev --baseline 0004_shipments
  $ PGPASSWORD=… postern migrate --url postgres://postern_migrator@db.internal/app --ca rds.pem --json`;

export function registerMigrate(command: Command, context: CommandContext): void {
  addRunIdOptions(addOverrideOptions(addLongRunOption(addMigrationsOption(addTargetOptions(command)))))
    .addOption(
      new Option("--baseline <tag>", "record the migrations up to this one as applied without running them").env(
        "POSTERN_BASELINE",
      ),
    )
    .addOption(
      new Option("--approve <hash>", "run only the plan of this hash, which you have read").env("POSTERN_APPROVE"),
    )
    .addOption(new Option("--protected", "refuse to lose data without --approve (with --url)").env("POSTERN_PROTECTED"))
    .addOption(
      new Option("--lock-timeout <time>", "how long a statement may queue for a lock (default: 1s)")
        .env("POSTERN_LOCK_TIMEOUT")
        .argParser(parsePositiveDuration),
    )
    .addOption(
      new Option("--lock-wait <time>", "how long to wait for another run to end (default: 60s)")
        .env("POSTERN_LOCK_WAIT")
        .argParser(parseDuration),
    )
    .addOption(
      new Option("--steal-lock", "Danger: end the run that holds the lock, whatever it does").env("POSTERN_STEAL_LOCK"),
    )
    .addHelpText("after", help)
    .action(async () => {
      const flags = readFlags(command);
      if (flags.cancel !== undefined) return await cancelAt(await openTarget(command, context), flags.cancel, context);
      const folder = await readMigrations(readMigrationsOption(command));
      const target = await openTarget(command, context);
      if (flags.longRun === true) refuseLongRun(target);
      const result =
        flags.baseline === undefined
          ? await (target.kind === "stage"
              ? migrateStage(target, folder, flags, context)
              : migrateUrl(target, folder, flags, context))
          : await baselineFor(target, folder, { ...flags, tag: flags.baseline }, context);
      context.output.result(result, describeResult);
      finish(result, context);
    });
}

type Flags = RunIdFlags & {
  readonly approve?: string | undefined;
  readonly protected?: boolean;
  readonly lockTimeout?: number;
  readonly lockWait?: number;
  readonly stealLock?: boolean;
  readonly baseline?: string;
  readonly longRun?: boolean;
  readonly allow: readonly HistoryCode[];
};

/** @throws PosternError `usage.invalid` for a hash or an id that is none, for --protected where the stage decides, and for two aims */
function readFlags(command: Command): Flags {
  const flags = command.opts<Flags & { readonly stage?: string }>();
  refuseInvalidRunIds(flags);
  if (flags.approve !== undefined && !/^[0-9a-f]{64}$/u.test(flags.approve)) {
    throw new PosternError("usage.invalid", `--approve ${flags.approve}: expected the plan hash, 64 digits of hex.`);
  }
  if (flags.stage !== undefined && command.getOptionValueSource("protected") === "cli") {
    throw new PosternError("usage.invalid", "--protected goes with --url: a stage knows whether it is protected.");
  }
  if (flags.baseline !== undefined && flags.approve !== undefined) {
    const why = "a baseline runs nothing that could be approved";
    throw new PosternError("usage.invalid", `--baseline and --approve do not go together: ${why}.`);
  }
  if (flags.baseline !== undefined && flags.longRun === true) {
    throw new PosternError("usage.invalid", "--baseline and --long-run do not go together: a baseline runs nothing.");
  }
  return { ...flags, allow: readOverrides(command) };
}

/** A run that had nothing to do but wait and one that was cut at the first statement look alike: not for ever. */
const maxIdleRuns = 3;

/** The runner stops between migrations when its time is over (`partial`); this goes on with another run until all is done. */
async function migrateStage(
  target: StageTarget,
  folder: MigrationFolder,
  flags: Flags,
  context: CommandContext,
): Promise<MigrateResult> {
  refuseStaleBundle(target.manifest, folder);
  const { replies } = await import("#lib/stage/replies.ts");
  const { runFor } = await import("../stage/stage-run.ts");
  const applied: string[] = [];
  let { approve, runId, stealLock = false, longRun = false } = flags;
  for (let idleRuns = 0, ms = 0; ;) {
    const request = {
      ...requestOf({ ...flags, approve, stealLock }),
      requestedBy: describeRequester(),
      migrationsHash: folder.hash,
    };
    const result = replies.migrate(await runFor(target, request, context, { runId, longRun }));
    applied.push(...result.applied);
    ms += result.ms;
    idleRuns = result.applied.length === 0 ? idleRuns + 1 : 0;
    const isOver = result.status !== "partial" || result.error !== undefined || idleRuns >= maxIdleRuns;
    const why = longRun ? undefined : whyTooLong(result);
    const left = result.planHash ?? approve;
    if (isOver && why !== undefined && (await offerLongRun(why, { ...target, approve: left }, context))) {
      [approve, runId, stealLock, longRun, idleRuns] = [left, undefined, false, true, 0];
      continue;
    }
    if (isOver) {
      const status = result.status === "up-to-date" && applied.length > 0 ? "applied" : result.status;
      return { ...result, status, applied, ms };
    }
    if (result.cutOff !== undefined) context.output.note(result.cutOff);
    context.output.note(`the runner's time is over with ${result.pending.length} pending: going on in another run`);
    // Whoever got the lock in between has done nothing to be ended for.
    [approve, runId, stealLock] = [result.planHash, undefined, false];
  }
}

/** Why the function's time will never suffice; undefined for any other end. */
function whyTooLong({ status, error, pending }: MigrateResult): string | undefined {
  if (error?.code === "migrate.deadline") return `${pending[0] ?? "A migration"} needs longer than the function has`;
  if (status !== "partial" || error !== undefined) return undefined;
  return `The function's time was over ${maxIdleRuns} times in a row, with nothing applied`;
}

/** Without what was not asked for: a runner that was deployed before it was there still takes the event. */
function requestOf({ approve, allow, lockTimeout, lockWait, stealLock }: Flags) {
  return {
    action: "migrate",
    ...(approve === undefined ? {} : { approve }),
    ...(allow.length === 0 ? {} : { allow }),
    ...(lockTimeout === undefined ? {} : { lockTimeoutMs: lockTimeout }),
    ...(lockWait === undefined ? {} : { lockWaitMs: lockWait }),
    ...(stealLock === true ? { stealLock } : {}),
  } as const;
}

async function migrateUrl({ address }: UrlTarget, folder: MigrationFolder, flags: Flags, context: CommandContext) {
  const { signal, output } = context;
  const { runId = randomUUID(), approve, protected: isProtected = false, stealLock } = flags;
  const bundle = await readCheckout(context.root);
  await using connections = await connectForRun(runId, async (options) => connect(address, options), signal);
  let underway: Underway = { is: "between" };
  // The signal's name is in the reason that scripts/cli.ts gives.
  const sayWhatFollows = () => output.note(describeInterrupt(underway, signalOf(signal)));
  signal.addEventListener("abort", sayWhatFollows, { once: true });
  const locks = { lockTimeoutMs: flags.lockTimeout, lockWaitMs: flags.lockWait, stealLock };
  const onProgress = (progress: MigrateProgress) => {
    if (progress.step === "applied") underway = { is: "between" };
    output.note(describeMigrateProgress(progress));
  };
  const onBegin = ({ tag, isWhole }: BegunMigration) => {
    underway = { is: isWhole ? "transaction" : "steps", tag };
  };
  const onAttached = (progress: RunProgress | undefined) => {
    if (underway.is !== "watching") output.note(`watching run ${runId}`);
    underway = { is: "watching", runId };
    if (progress !== undefined) output.note(describeRunProgress(progress));
  };
  const run = { runId, requestedBy: describeRequester(), bundle, signal, onProgress, onBegin, onAttached };
  try {
    return await migrate(connections, { folder, ...run, ...locks, approve, allow: flags.allow, isProtected });
  } finally {
    signal.removeEventListener("abort", sayWhatFollows);
  }
}

function signalOf({ reason }: AbortSignal): string {
  return /\bSIG[A-Z]+\b/u.exec(reason instanceof Error ? reason.message : "")?.[0] ?? "";
}

function finish({ status, error }: MigrateResult, { output, endWith }: CommandContext): void {
  if (error !== undefined && !output.json) output.error(error as ErrorDocument);
  switch (status) {
    case "applied":
    case "up-to-date":
      return;
    case "partial":
    case "refused":
      return endWith(1);
    case "failed":
      return endWith(error === undefined ? 2 : PosternError.fromDocument(error).exitCode);
    default:
      return status satisfies never;
  }
}

function describeResult(result: MigrateResult, style: Style): string {
  const { status, applied, baselined, pending, runId, ms, after, cutOff } = result;
  const isGood = status === "applied" || status === "up-to-date";
  const done = baselined === undefined ? `${applied.length} applied` : `${baselined.length} recorded without being run`;
  const figures = `${done}, ${pending.length} pending`;
  return [
    ...applied.map((tag) => `${style.good("+")} ${tag}`),
    ...pending.map((tag) => `${style.dim("·")} ${tag} ${style.dim("pending")}`),
    ...(cutOff === undefined ? [] : [cutOff]),
    ...(after === undefined ? [] : [describeAfterRun(after, style)]),
    `${isGood ? style.good(status) : style.bad(status)}: ${figures} in ${ms} ms ${style.dim(`(run ${runId})`)}`,
  ].join("\n");
}
