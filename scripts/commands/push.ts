import { randomUUID } from "node:crypto";
import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { type ErrorDocument, PosternError } from "#lib/base/errors.ts";
import { openSchema, type OpenSchema, renamesFileIn, schemaFileIn } from "#lib/bundle/push.ts";
import { push } from "#lib/migrate/push/push.ts";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import { connect } from "#lib/postgres/connect.ts";
import { refuseCasing } from "../options/casing.ts";
import { parsePositiveDuration } from "../options/duration.ts";
import type { CommandContext } from "../command-context.ts";
import { addMigrationsOption, readMigrationsOption } from "../options/migrations-option.ts";
import { describeRequester, readCheckout } from "../provenance.ts";
import { describePush } from "../report/push-report.ts";
import { refuseStaleSchema } from "../stage/stale-bundle.ts";
import { describeMigrateProgress, describeUnwatched } from "../stage/run-progress.ts";
import { addTargetOptions, openTarget, type StageTarget, type Target, type UrlTarget } from "../target.ts";
import type { PushResult } from "#lib/migrate/push/result.ts";

const help = `
Makes the database what the schema file says, in one transaction and without a migration: for trying things out, never on a
protected stage. Tables that the file does not have are left alone. A statement that loses data, or may, is refused, and
so is what may be a rename and is not declared as one: nothing is changed then.

Renames are declared in <dir>/renames.json and may stay there when they are done:
  [{ "table": "public.customers", "to": "clients" }, { "column": "public.orders.total", "to": "total_cents" }]

With --stage the deployed functions push the schema file of their bundle; when the one here differs from it, nothing is
pushed and you are told to deploy first.

A statement that does not get its lock within --lock-timeout is rolled back with the whole push and tried again, with pauses,
for up to two minutes: others queue behind it no longer than that. Who blocks is named.

With --url, Ctrl-C stops the statement under way, and nothing is changed. With --stage it asks whether to cancel the run;
\`postern migrate --cancel\` with its id does the same.

Exit code: 0 pushed or nothing to do, 1 refused, or a lock (push.blocked) or the runner's time (push.deadline) was wanting,
2 a statement failed.

Examples:
  $ postern push --stage dev
  $ postern push --url postgres://me@localhost:5432/app --dry-run
  $ postern push --stage dev --accept-data-loss --json`;

export function registerPush(command: Command, context: CommandContext): void {
  addMigrationsOption(addTargetOptions(command))
    .addOption(new Option("--schema <file>", "the schema file (default: <dir>/schema.ts)").env("POSTERN_SCHEMA"))
    .addOption(new Option("--renames <file>", "declared renames (default: <dir>/renames.json)").env("POSTERN_RENAMES"))
    .addOption(new Option("--accept-data-loss", "Danger: run what loses data too").env("POSTERN_ACCEPT_DATA_LOSS"))
    .addOption(new Option("--dry-run", "say what would be done, and do nothing").env("POSTERN_DRY_RUN"))
    .addOption(new Option("--protected", "refuse, as a protected stage does (with --url)").env("POSTERN_PROTECTED"))
    .addOption(
      new Option("--lock-timeout <time>", "how long a statement may queue for a lock (default: 1s)")
        .env("POSTERN_LOCK_TIMEOUT")
        .argParser(parsePositiveDuration),
    )
    .addHelpText("after", help)
    .action(async () => {
      const flags = readFlags(command);
      const target = await openTarget(command, context);
      refuseProtected(target, flags);
      await using schema = await openSchemaFiles(flags, context);
      await refuseCasing(context.root, schema.description);
      const result =
        target.kind === "stage"
          ? await pushStage(target, schema, flags, context)
          : await pushUrl(target, schema, flags, context);
      context.output.result(result, describePush);
      finish(result, context);
    });
}

type PushFlags = {
  readonly schemaFile: string;
  readonly renamesFile: string;
  readonly renamesMustExist: boolean;
  readonly acceptDataLoss: boolean;
  readonly dryRun: boolean;
  readonly isProtected: boolean;
  readonly lockTimeoutMs: number | undefined;
};

/** @throws PosternError `usage.invalid` for --protected where the stage decides */
function readFlags(command: Command): PushFlags {
  const flags = command.opts<{
    readonly stage?: string;
    readonly schema?: string;
    readonly renames?: string;
    readonly acceptDataLoss?: boolean;
    readonly dryRun?: boolean;
    readonly protected?: boolean;
    readonly lockTimeout?: number;
  }>();
  if (flags.stage !== undefined && command.getOptionValueSource("protected") === "cli") {
    throw new PosternError("usage.invalid", "--protected goes with --url: a stage knows whether it is protected.");
  }
  const dir = readMigrationsOption(command);
  return {
    schemaFile: flags.schema === undefined ? schemaFileIn(dir) : resolve(flags.schema),
    renamesFile: flags.renames === undefined ? renamesFileIn(dir) : resolve(flags.renames),
    renamesMustExist: flags.renames !== undefined,
    acceptDataLoss: flags.acceptDataLoss === true,
    dryRun: flags.dryRun === true,
    isProtected: flags.protected === true,
    lockTimeoutMs: flags.lockTimeout,
  };
}

/** Before anything is read or asked of the stage; the runner refuses it too. */
function refuseProtected(target: Target, { isProtected }: PushFlags): void {
  const name = target.kind === "stage" ? `The stage ${target.manifest.stage}` : "This database";
  if (!(target.kind === "stage" ? target.manifest.protected : isProtected)) return;
  throw new PosternError("push.protected", `${name} is protected: a schema is not pushed to it.`);
}

async function openSchemaFiles(
  { schemaFile, renamesFile, renamesMustExist }: PushFlags,
  { signal }: CommandContext,
): Promise<OpenSchema> {
  await access(schemaFile).catch((cause: unknown) => {
    throw new PosternError("push.invalid-schema", `There is no schema file at ${schemaFile}.`, { cause });
  });
  return await openSchema(schemaFile, renamesFile, { renamesMustExist, signal });
}

async function pushStage(
  target: StageTarget,
  { hash }: OpenSchema,
  { schemaFile, acceptDataLoss, dryRun, lockTimeoutMs }: PushFlags,
  context: CommandContext,
): Promise<PushResult> {
  refuseStaleSchema(target.manifest, schemaFile, hash);
  const { replies } = await import("#lib/stage/replies.ts");
  const { runFor } = await import("../stage/stage-run.ts");
  const requestedBy = describeRequester();
  // Without what was not asked for: a runner that was deployed before it was there still takes the event.
  const locks = lockTimeoutMs === undefined ? {} : { lockTimeoutMs };
  const request = { action: "push", requestedBy, schemaHash: hash, acceptDataLoss, dryRun, ...locks } as const;
  return replies.push(await runFor(target, request, context));
}

async function pushUrl(
  { address }: UrlTarget,
  { kit, renames }: OpenSchema,
  { acceptDataLoss, dryRun, lockTimeoutMs }: PushFlags,
  context: CommandContext,
): Promise<PushResult> {
  const { signal, output } = context;
  const runId = randomUUID();
  const bundle = await readCheckout(context.root);
  await using connections = await connectForRun(runId, async (options) => connect(address, options), signal);
  return await push(connections, {
    kit,
    renames,
    runId,
    requestedBy: describeRequester(),
    bundle,
    acceptDataLoss,
    dryRun,
    lockTimeoutMs,
    signal,
    onWait: (holder) => output.note(`waiting for ${holder?.applicationName ?? "another run"} to end`),
    onUnwatched: ({ message }) => output.note(describeUnwatched({ reason: message })),
    onBlocked: (event) => output.note(describeMigrateProgress(event)),
  });
}

function finish({ status, findings, error }: PushResult, { output, endWith }: CommandContext): void {
  for (const { message } of findings) output.note(`warning: ${message}`);
  if (error !== undefined && !output.json) output.error(error as ErrorDocument);
  switch (status) {
    case "pushed":
    case "up-to-date":
    case "planned":
      return;
    case "refused":
      return endWith(1);
    case "failed":
      return endWith(error === undefined ? 2 : PosternError.fromDocument(error).exitCode);
    default:
      return status satisfies never;
  }
}
