import type { Command } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import { appName } from "#lib/contract.ts";
import type { HealthReport } from "#lib/protocol.ts";
import { checkHealth } from "#lib/health/check.ts";
import { singleSource } from "#lib/health/single-source.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import type { CommandContext } from "../command-context.ts";
import { addMigrationsOption, readMigrationsOption } from "../options/migrations-option.ts";
import { alignColumns, type Style } from "../style.ts";
import { addTargetOptions, openTarget, type StageTarget, type UrlTarget } from "../target.ts";

const help = `
With --stage the health function of the stage is asked directly, with your AWS credentials, and tells everything that
its public URL does not. With --url the checks run here.

Exit code: 0 ok; 1 degraded (migrations are pending, or their history cannot be read) or down.

Examples:
  $ postern health --stage dev
  $ postern health --url postgres://me@localhost:5432/app --json`;

export function registerHealth(command: Command, context: CommandContext): void {
  addMigrationsOption(addTargetOptions(command))
    .addHelpText("after", help)
    .action(async () => {
      const target = await openTarget(command, context);
      const report =
        target.kind === "stage"
          ? await askStage(target, context)
          : await checkHere(target, readMigrationsOption(command), context);
      context.output.result(report, describeReport);
      if (report.status !== "ok") context.endWith(1);
    });
}

async function askStage({ manifest, access }: StageTarget, { signal }: CommandContext): Promise<HealthReport> {
  const [{ invokeFunction }, { replies }] = await Promise.all([
    import("#lib/stage/invoke.ts"),
    import("#lib/stage/replies.ts"),
  ]);
  const event = { action: "health" };
  return replies.health(await invokeFunction({ access, functionName: manifest.functions.health, event, signal }));
}

async function checkHere({ address }: UrlTarget, dir: string, { signal }: CommandContext): Promise<HealthReport> {
  const folder = await readMigrations(dir);
  const source = singleSource(address);
  return await checkHealth({ service: appName, stage: "none", source, folder, deadlineMs: 10_000, signal });
}

function describeReport({ status, database, migrations }: HealthReport, style: Style): string {
  const paint = { ok: style.good, degraded: style.warn, down: style.bad }[status];
  const rows = [
    ["status", paint(status)],
    ["database", database.ok ? "answers" : `does not answer ${style.dim(`[${database.reason}]`)}`],
    ["latency", database.latencyMs === undefined ? undefined : `${database.latencyMs} ms`],
    ["TLS", database.tls],
    ["server", database.serverVersion === undefined ? undefined : `PostgreSQL ${database.serverVersion}`],
    ["connection", database.connection],
    [
      "pool",
      database.pool && `${database.pool.total} open, ${database.pool.idle} idle, ${database.pool.waiting} waiting`,
    ],
    ["migrations", migrations === null ? "unknown" : `${migrations.applied} applied, ${migrations.pending} pending`],
  ].flatMap(([name, value]) => (name === undefined || value === undefined ? [] : [[name, value]]));
  return [...alignColumns(rows), ...adviseOn(database.reason)].join("\n");
}

/** The hint that goes with a reason code. */
function adviseOn(reason: string | undefined): string[] {
  if (reason === undefined) return [];
  const { hint } = PosternError.fromDocument({ code: reason, message: "" });
  return hint === undefined ? [] : [hint];
}
