import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { RunProgress, SeedResult } from "#lib/protocol.ts";
import { connectForRun } from "#lib/migrate/run/run-connections.ts";
import { type BucketPlace, parseBucketPlace } from "#lib/migrate/seed/source/from.ts";
import { recordedSeed } from "#lib/migrate/seed/recorded-seed.ts";
import type { SeedProgress } from "#lib/migrate/seed/seed.ts";
import type { SeedSource } from "#lib/migrate/seed/source/sets.ts";
import { connect } from "#lib/postgres/connect.ts";
import { describeNeeds } from "../report/after-run-report.ts";
import { cancelAt } from "../cancel.ts";
import type { CommandContext } from "../command-context.ts";
import { describeWatched } from "../interrupt.ts";
import { addMigrationsOption, readMigrationsOption } from "../options/migrations-option.ts";
import { addRunIdOptions, refuseInvalidRunIds, type RunIdFlags } from "../options/run-id-options.ts";
import { addLongRunOption, longRunHelp, offerLongRun, refuseLongRun } from "../stage/long-run.ts";
import { refuseStaleSeeds } from "../stage/stale-bundle.ts";
import { describeRequester, readCheckout } from "../provenance.ts";
import { alignColumns, type Style } from "../style.ts";
import { addTargetOptions, openTarget, type StageTarget, type UrlTarget } from "../target.ts";
import { describeRunProgress, describeUnwatched } from "../stage/run-progress.ts";

const help = `
Sets are the folders below <dir>/seeds; with --stage, those of the deployed bundle. Seeding twice changes nothing, and a run
that was cut off is finished by the next. With --from, CSV and NDJSON come from a bucket (SQL and TypeScript never do): read
here with --url, by the stage's runner with --stage.

A run has an id. The same id again (--run-id, with the same set) watches that run and gives its outcome; --cancel ends it, and stops
its statement. With --stage, Ctrl-C asks which of the two; without a terminal the run goes on. With --url, Ctrl-C ends the statement
under way; what was committed stays.
${longRunHelp}

Examples:
  $ postern seed --stage dev --set reference
  $ postern seed --url postgres://me@localhost:5432/app --set demo --json
  $ postern seed --stage dev --cancel 0f8c2a9e-…
  $ postern seed --stage dev --set load-test --from s3://my-seeds/sets`;

export function registerSeed(command: Command, context: CommandContext): void {
  addRunIdOptions(addLongRunOption(addMigrationsOption(addTargetOptions(command))))
    .addOption(new Option("--set <name>", "the set to insert").env("POSTERN_SET"))
    .addOption(new Option("--from <s3://…>", "take the set from this folder in a bucket").env("POSTERN_FROM"))
    .addHelpText("after", help)
    .action(async () => {
      const { set, from, longRun = false, runId, cancel } = command.opts<Flags>();
      refuseInvalidRunIds({ runId, cancel });
      if (cancel !== undefined) return await cancelAt(await openTarget(command, context), cancel, context);
      if (set === undefined) throw new PosternError("usage.invalid", "No set was given: expected --set with its name.");
      const bucket = from === undefined ? undefined : parseBucketPlace(from);
      const target = await openTarget(command, context);
      if (longRun) refuseLongRun(target);
      const seedsDir = join(readMigrationsOption(command), "seeds");
      const result =
        target.kind === "stage"
          ? await seedStage(target, { set, from, seedsDir, longRun, runId }, context)
          : await seedUrl(target, { set, seedsDir, bucket, runId }, context);
      return context.output.result(result, describeResult);
    });
}

type Flags = RunIdFlags & { readonly set?: string; readonly from?: string; readonly longRun?: boolean };

type StageSeed = {
  readonly set: string;
  readonly from: string | undefined;
  readonly seedsDir: string;
  readonly longRun: boolean;
  readonly runId: string | undefined;
};

/** A run that was cut off by the function's time may go on as the long-run task: what it committed it does not do again. */
async function seedStage(target: StageTarget, seed: StageSeed, context: CommandContext): Promise<SeedResult> {
  const { set, from, seedsDir, longRun, runId } = seed;
  if (from === undefined) await refuseStaleSeeds(target.manifest, seedsDir);
  const { replies } = await import("#lib/stage/replies.ts");
  const { runFor } = await import("../stage/stage-run.ts");
  const requestedBy = describeRequester();
  const request = { action: "seed", requestedBy, set, ...(from === undefined ? {} : { from }) } as const;
  try {
    return replies.seed(await runFor(target, request, context, { longRun, runId }));
  } catch (error) {
    if (longRun || !(error instanceof PosternError) || error.code !== "seed.deadline") throw error;
    const why = `The set ${set} needs longer than the function has`;
    if (!(await offerLongRun(why, target, context))) throw error;
    return replies.seed(await runFor(target, request, context, { longRun: true }));
  }
}

type UrlSeed = {
  readonly set: string;
  readonly seedsDir: string;
  readonly bucket: BucketPlace | undefined;
  readonly runId: string | undefined;
};

async function seedUrl(
  { address }: UrlTarget,
  { bucket, runId = randomUUID(), ...place }: UrlSeed,
  context: CommandContext,
): Promise<SeedResult> {
  const { signal, output } = context;
  const bundle = await readCheckout(context.root);
  await using connections = await connectForRun(runId, async (options) => connect(address, options), signal);
  using source = bucket === undefined ? undefined : await openBucket(bucket, context);
  const run = { runId, requestedBy: describeRequester(), bundle, signal };
  const sayWhatFollows = () => output.note(describeWatched(runId));
  let isWatching = false;
  const onAttached = (progress: RunProgress | undefined) => {
    if (!isWatching) output.note(`watching run ${runId}`);
    if (!isWatching) signal.addEventListener("abort", sayWhatFollows, { once: true });
    isWatching = true;
    if (progress !== undefined) output.note(describeRunProgress(progress));
  };
  using stack = new DisposableStack();
  stack.defer(() => signal.removeEventListener("abort", sayWhatFollows));
  return await recordedSeed(connections, {
    ...place,
    ...(source === undefined ? {} : { source }),
    ...run,
    onAttached,
    onProgress: atMostEvery(progressMs, (progress) => output.note(describeProgress(progress))),
    onWait: (holder) => output.note(`waiting for ${holder?.applicationName ?? "another run"} to end`),
    onUnwatched: ({ message }) => output.note(describeUnwatched({ reason: message })),
  });
}

async function openBucket(place: BucketPlace, { signal, env }: CommandContext): Promise<SeedSource & Disposable> {
  // Loaded here: AWS clients cost a tenth of a second that a folder need not wait for.
  const [{ openSeedBucket }, { environmentAccess, hasOwnEndpoint }] = await Promise.all([
    import("#lib/stage/seed-bucket.ts"),
    import("#lib/stage/aws-access.ts"),
  ]);
  return openSeedBucket({ ...place, access: environmentAccess, isPathStyle: hasOwnEndpoint(env), signal });
}

/** Between two lines of progress. */
const progressMs = 1000;

function atMostEvery<Value>(ms: number, tell: (value: Value) => void, clock = systemClock): (value: Value) => void {
  let lastMs = clock.nowMs();
  return (value) => {
    if (clock.nowMs() - lastMs < ms) return;
    lastMs = clock.nowMs();
    tell(value);
  };
}

function describeProgress({ file, rows, inserted, bytes, totalBytes, rowsPerSecond }: SeedProgress): string {
  const of = totalBytes === undefined ? "" : ` of ${mib(totalBytes)}`;
  const read = bytes === undefined ? "" : `, ${mib(bytes)}${of} MiB`;
  return `${file}: ${rows} rows, ${inserted} new${read}, ${rowsPerSecond} rows/s`;
}

function mib(byteCount: number): string {
  return (byteCount / 1024 / 1024).toFixed(1);
}

function describeRepeated(
  table: string,
  { rows, first }: NonNullable<SeedResult["tables"][number]["repeated"]>,
): string {
  const what =
    rows === 1 ? "1 row was left out: a row before it in its" : `${rows} rows were left out: a row before each in its`;
  return `${table}: ${what} file has the same key (${rows === 1 ? "" : "the first: "}${first})`;
}

function describeResult({ set, tables, scripts = [], after }: SeedResult, style: Style): string {
  const lines = alignColumns([
    ["table", "rows", "new", "ms"],
    ...tables.map(({ table, rows, inserted, ms }) => [table, rows, inserted, Math.round(ms)]),
  ]);
  const inserted = tables.reduce((sum, table) => sum + table.inserted, 0);
  const summary =
    inserted === 0 && !scripts.some(({ ran }) => ran) ? "everything was there already" : `${inserted} rows inserted`;
  const ran = scripts.map(({ file, ran: isNew }) => `${file}: ${isNew ? "ran" : "had run before"}`);
  const repeats = tables.flatMap(({ table, repeated }) =>
    repeated === undefined ? [] : [style.bad(describeRepeated(table, repeated))],
  );
  const needs = after === undefined ? [] : describeNeeds(after, style);
  return [...lines, ...ran, ...repeats, ...needs, `${style.good(set)}: ${summary}`].join("\n");
}
