import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { systemClock } from "#lib/base/clock.ts";
import type { SeedResult } from "#lib/contract.ts";
import { runApplicationName } from "#lib/migrate/ledger.ts";
import { recordedSeed } from "#lib/migrate/seed/recorded-seed.ts";
import type { SeedProgress } from "#lib/migrate/seed/seed.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "../command-context.ts";
import { confineGuestCode } from "../guest-code.ts";
import { addMigrationsOption, readMigrationsOption } from "../migrations-option.ts";
import { describeRequester, readCheckout } from "../provenance.ts";
import { alignColumns, type Style } from "../style.ts";
import { addTargetOptions, openTarget, type StageTarget, type UrlTarget } from "../target.ts";

const help = `
Sets are the folders below <dir>/seeds; with --stage, those of the deployed bundle. Seeding twice changes nothing.

Examples:
  $ postern seed --stage dev --set reference
  $ postern seed --url postgres://me@localhost:5432/app --set demo --json`;

export function registerSeed(command: Command, context: CommandContext): void {
  addMigrationsOption(addTargetOptions(command))
    .addOption(new Option("--set <name>", "the set to insert").env("POSTERN_SET").makeOptionMandatory())
    .addHelpText("after", help)
    .action(async () => {
      const { set } = command.opts<{ readonly set: string }>();
      const target = await openTarget(command, context);
      const seedsDir = join(readMigrationsOption(command), "seeds");
      const result =
        target.kind === "stage"
          ? await seedStage(target, set, context)
          : await seedUrl(target, { set, seedsDir }, context);
      context.output.result(result, describeResult);
    });
}

async function seedStage(target: StageTarget, set: string, context: CommandContext): Promise<SeedResult> {
  const { replies } = await import("#lib/stage/replies.ts");
  const { runFor } = await import("../stage-run.ts");
  const requestedBy = describeRequester();
  return replies.seed(await runFor(target, { action: "seed", requestedBy, set }, context));
}

type SeedPlace = { readonly set: string; readonly seedsDir: string };

async function seedUrl({ address }: UrlTarget, place: SeedPlace, context: CommandContext): Promise<SeedResult> {
  const { signal, output } = context;
  const runId = randomUUID();
  const bundle = await readCheckout(context.root);
  await using connection = await connect(address, { applicationName: runApplicationName(runId), signal });
  using _ = confineGuestCode(output);
  const run = { runId, requestedBy: describeRequester(), bundle, signal };
  return await recordedSeed(connection.client, {
    ...place,
    ...run,
    onProgress: atMostEvery(progressMs, (progress) => output.note(describeProgress(progress))),
    onWait: (holder) => output.note(`waiting for ${holder?.applicationName ?? "another run"} to end`),
  });
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

function describeResult({ set, tables, scripts = [] }: SeedResult, style: Style): string {
  const lines = alignColumns([
    ["table", "rows", "new", "ms"],
    ...tables.map(({ table, rows, inserted, ms }) => [table, rows, inserted, Math.round(ms)]),
  ]);
  const inserted = tables.reduce((sum, table) => sum + table.inserted, 0);
  const summary =
    inserted === 0 && !scripts.some(({ ran }) => ran) ? "everything was there already" : `${inserted} rows inserted`;
  const ran = scripts.map(({ file, ran: isNew }) => `${file}: ${isNew ? "ran" : "had run before"}`);
  return [...lines, ...ran, `${style.good(set)}: ${summary}`].join("\n");
}
