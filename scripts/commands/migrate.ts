import { randomUUID } from "node:crypto";
import { type Command, Option } from "commander";
import { type ErrorDocument, PosternError } from "#lib/base/errors.ts";
import type { HistoryCode, MigrateResult } from "#lib/contract.ts";
import { runApplicationName } from "#lib/migrate/ledger.ts";
import { migrate, type MigrateProgress } from "#lib/migrate/migrate.ts";
import { type MigrationFolder, readMigrations } from "#lib/migrate/source.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "../command-context.ts";
import { baselineFor } from "../baseline.ts";
import { addMigrationsOption, readMigrationsOption } from "../migrations-option.ts";
import { addOverrideOptions, readOverrides } from "../override-options.ts";
import { refuseStaleBundle } from "../stale-bundle.ts";
import { describeRequester, readCheckout } from "../provenance.ts";
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

Exit code: 0 applied or up to date, 1 refused or not everything was applied, 2 a migration failed.

Examples:
  $ postern migrate --stage dev
  $ postern migrate --stage production --approve 3f9a…
  $ postern migrate --stage dev --allow-out-of-order
  $ postern migrate --stage dev --baseline 0004_shipments
  $ PGPASSWORD=… postern migrate --url postgres://postern_migrator@db.internal/app --ca rds.pem --json`;

export function registerMigrate(command: Command, context: CommandContext): void {
  addOverrideOptions(addMigrationsOption(addTargetOptions(command)))
    .addOption(
      new Option("--approve <hash>", "run only the plan of this hash, which you have read").env("POSTERN_APPROVE"),
    )
    .addOption(new Option("--protected", "refuse to lose data without --approve (with --url)").env("POSTERN_PROTECTED"))
    .addOption(
      new Option("--baseline <tag>", "record the migrations up to this one as applied without running them").env(
        "POSTERN_BASELINE",
      ),
    )
    .addHelpText("after", help)
    .action(async () => {
      const flags = readApprovalFlags(command, context);
      const folder = await readMigrations(readMigrationsOption(command));
      const target = await openTarget(command, context);
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

type ApprovalFlags = {
  readonly approve?: string;
  readonly protected?: boolean;
  readonly baseline?: string;
  readonly allow: readonly HistoryCode[];
};

/** @throws PosternError `usage.invalid` for a hash that is none, for --protected where the stage decides, and for two aims */
function readApprovalFlags(command: Command, { env }: CommandContext): ApprovalFlags {
  const flags = command.opts<ApprovalFlags & { readonly stage?: string }>();
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
  return { ...flags, allow: readOverrides(command, env) };
}

async function migrateStage(
  target: StageTarget,
  folder: MigrationFolder,
  { approve, allow }: ApprovalFlags,
  context: CommandContext,
) {
  refuseStaleBundle(target.manifest, folder);
  const { replies } = await import("#lib/stage/replies.ts");
  const { runFor } = await import("../stage-run.ts");
  const requestedBy = describeRequester();
  const approval = approve === undefined ? {} : { approve };
  // A runner that was deployed before the flags were there still takes an event without them.
  const overrides = allow.length === 0 ? {} : { allow };
  const request = { action: "migrate", requestedBy, migrationsHash: folder.hash, ...approval, ...overrides } as const;
  return replies.migrate(await runFor(target, request, context));
}

async function migrateUrl(
  { address }: UrlTarget,
  folder: MigrationFolder,
  { approve, allow, protected: isProtected = false }: ApprovalFlags,
  context: CommandContext,
) {
  const { signal, output } = context;
  const runId = randomUUID();
  const bundle = await readCheckout(context.root);
  await using connection = await connect(address, { applicationName: runApplicationName(runId), signal });
  const onProgress = (progress: MigrateProgress) => output.note(describeProgress(progress));
  const requestedBy = describeRequester();
  signal.addEventListener("abort", () => output.note(finishing), { once: true });
  const approval = { approve, allow, isProtected };
  return await migrate(connection.client, { folder, runId, requestedBy, bundle, ...approval, signal, onProgress });
}

/** A second signal ends the process; the server then rolls back within a second, because the connection is gone. */
const finishing = "finishing the migration that is under way; Ctrl-C again stops it and keeps nothing of it";

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

function describeProgress(progress: MigrateProgress): string {
  if (progress.step === "applied") return `applied ${progress.tag} (${progress.ms} ms)`;
  return `waiting for ${progress.holder?.applicationName ?? "another run"} to end`;
}

function describeResult(result: MigrateResult, style: Style): string {
  const { status, applied, baselined, pending, runId, ms } = result;
  const isGood = status === "applied" || status === "up-to-date";
  const done = baselined === undefined ? `${applied.length} applied` : `${baselined.length} recorded without being run`;
  const figures = `${done}, ${pending.length} pending`;
  return [
    ...applied.map((tag) => `${style.good("+")} ${tag}`),
    ...pending.map((tag) => `${style.dim("·")} ${tag} ${style.dim("pending")}`),
    `${isGood ? style.good(status) : style.bad(status)}: ${figures} in ${ms} ms ${style.dim(`(run ${runId})`)}`,
  ].join("\n");
}
