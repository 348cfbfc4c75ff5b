import { type Command, Option } from "commander";
import type { PlanResult } from "#lib/protocol.ts";
import { planMigrations } from "#lib/migrate/plan/plan.ts";
import { type MigrationFolder, readMigrations } from "#lib/migrate/folder/source.ts";
import { rehearseFor } from "../rehearsal.ts";
import type { CommandContext } from "../command-context.ts";
import { addMigrationsOption, readMigrationsOption } from "../options/migrations-option.ts";
import { addOverrideOptions, readOverrides } from "../options/override-options.ts";
import { describePlan } from "../report/plan-report.ts";
import { readFromUrl } from "../read-from-url.ts";
import { refuseStaleBundle } from "../stage/stale-bundle.ts";
import { addTargetOptions, openTarget, type StageTarget } from "../target.ts";

const help = `
Reads only and locks no table. Hazards are weighed by the size of the table: on a small one they are notices. The plan
hash names exactly this plan, on exactly this history.

With --rehearse the pending migrations run for real, in one transaction that is rolled back, with at most half a second
in a lock queue and five seconds a statement: you see the locks that were taken, the time, and which tables were written
anew. Until it is rolled back it holds its locks. What cannot run in a transaction is left out and named.

An --allow flag counts its findings as settled, as \`migrate\` with the same flag will; the plan and its hash are the same.

Exit code: 0 here is the plan, hazards or not, and nothing failed in the rehearsal; 1 there are findings that you must
settle before the next migrate, or the rehearsal failed.

Examples:
  $ postern plan --stage dev
  $ postern plan --stage dev --rehearse
  $ postern plan --url postgres://me@localhost:5432/app --json`;

export function registerPlan(command: Command, context: CommandContext): void {
  addOverrideOptions(addMigrationsOption(addTargetOptions(command)))
    .addOption(new Option("--rehearse", "run it all in a transaction that is rolled back").env("POSTERN_REHEARSE"))
    .addHelpText("after", help)
    .action(async () => {
      const folder = await readMigrations(readMigrationsOption(command));
      const target = await openTarget(command, context);
      const allow = readOverrides(command);
      if (command.opts<{ readonly rehearse?: boolean }>().rehearse === true) {
        return await rehearseFor(target, folder, allow, context);
      }
      const plan =
        target.kind === "stage"
          ? await planStage(target, folder, context)
          : await readFromUrl(target, "plan", context, async (client) => planMigrations(client, folder));
      context.output.result(plan, (document, style) => describePlan(document, style, allow));
      if (plan.findings.some(({ code }) => !allow.some((one) => one === code))) context.endWith(1);
      return undefined;
    });
}

async function planStage(
  { manifest, access }: StageTarget,
  folder: MigrationFolder,
  { signal }: CommandContext,
): Promise<PlanResult> {
  refuseStaleBundle(manifest, folder);
  const [{ invokeFunction }, { replies }] = await Promise.all([
    import("#lib/stage/invoke.ts"),
    import("#lib/stage/replies.ts"),
  ]);
  const event = { action: "plan" };
  return replies.plan(await invokeFunction({ access, functionName: manifest.functions.inspect, event, signal }));
}
