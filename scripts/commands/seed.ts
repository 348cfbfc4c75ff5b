import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type Command, Option } from "commander";
import type { SeedResult } from "#lib/contract.ts";
import { connectForRun } from "#lib/migrate/run-connections.ts";
import { recordedSeed } from "#lib/migrate/seed/recorded-seed.ts";
import { connect } from "#lib/postgres/connect.ts";
import type { CommandContext } from "../command-context.ts";
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

/** A line of progress after so many rows of a file. */
const progressRows = 10_000;

type SeedSource = { readonly set: string; readonly seedsDir: string };

async function seedUrl({ address }: UrlTarget, source: SeedSource, context: CommandContext): Promise<SeedResult> {
  const { signal, output } = context;
  const runId = randomUUID();
  const bundle = await readCheckout(context.root);
  await using connections = await connectForRun(runId, async (options) => connect(address, options), signal);
  const run = { runId, requestedBy: describeRequester(), bundle, signal };
  return await recordedSeed(connections, {
    ...source,
    ...run,
    onProgress: ({ table, rows }) => {
      if (rows % progressRows === 0) output.note(`${table}: ${rows} rows`);
    },
    onWait: (holder) => output.note(`waiting for ${holder?.applicationName ?? "another run"} to end`),
  });
}

function describeResult({ set, tables }: SeedResult, style: Style): string {
  const lines = alignColumns([
    ["table", "rows", "new", "ms"],
    ...tables.map(({ table, rows, inserted, ms }) => [table, rows, inserted, Math.round(ms)]),
  ]);
  const inserted = tables.reduce((sum, table) => sum + table.inserted, 0);
  const summary = inserted === 0 ? "everything was there already" : `${inserted} rows inserted`;
  return [...lines, `${style.good(set)}: ${summary}`].join("\n");
}
