import type { Command } from "commander";
import type { StatusResult } from "#lib/protocol.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { readStatus } from "#lib/migrate/status.ts";
import type { CommandContext } from "../command-context.ts";
import { addMigrationsOption, readMigrationsOption } from "../options/migrations-option.ts";
import { describeFindings } from "../report/findings-report.ts";
import { readFromUrl } from "../read-from-url.ts";
import { alignColumns, type Style } from "../style.ts";
import { addTargetOptions, openTarget, type StageTarget, type UrlTarget } from "../target.ts";

const help = `
With --stage the deployed functions compare the database with their own bundle; --dir is not used.
Reads only: any role that may read the ledger will do.

Exit code: 0 nothing contradicts, pending migrations or not; 1 there are findings that you must settle before the next
migrate.

Examples:
  $ postern status --stage dev
  $ postern status --url postgres://me@localhost:5432/app --json`;

export function registerStatus(command: Command, context: CommandContext): void {
  addMigrationsOption(addTargetOptions(command))
    .addHelpText("after", help)
    .action(async () => {
      const target = await openTarget(command, context);
      const result =
        target.kind === "stage"
          ? await readFromStage(target, context)
          : await statusAt(target, readMigrationsOption(command), context);
      context.output.result(result, describeResult);
      if (result.findings.length > 0) context.endWith(1);
    });
}

async function readFromStage({ manifest, access }: StageTarget, { signal }: CommandContext): Promise<StatusResult> {
  const [{ invokeFunction }, { replies }] = await Promise.all([
    import("#lib/stage/invoke.ts"),
    import("#lib/stage/replies.ts"),
  ]);
  const event = { action: "status" };
  return replies.status(await invokeFunction({ access, functionName: manifest.functions.inspect, event, signal }));
}

async function statusAt(target: UrlTarget, dir: string, context: CommandContext): Promise<StatusResult> {
  const folder = await readMigrations(dir);
  return await readFromUrl(target, "status", context, async (client) => readStatus(client, folder));
}

function describeResult({ applied, pending, halfApplied = [], findings }: StatusResult, style: Style): string {
  const doneOf = new Map(halfApplied.map(({ tag, statements }) => [tag, statements]));
  const pendingWord = (tag: string) => {
    const done = doneOf.get(tag);
    return done === undefined
      ? style.dim("pending")
      : style.warn(`half applied: ${done === 1 ? "1 statement is" : `${done} statements are`} done`);
  };
  const rows = alignColumns([
    ...applied.map(({ tag, at }) => [style.good("✓"), tag, style.dim(at)]),
    ...pending.map((tag) => [style.dim("·"), tag, pendingWord(tag)]),
  ]);
  const problems = describeFindings(findings, style);
  const next = findings.length === 0 && pending.length > 0 ? "; apply with `postern migrate`" : "";
  return [...rows, ...problems, `${applied.length} applied, ${pending.length} pending${next}`].join("\n");
}
