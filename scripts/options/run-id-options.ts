import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import { isRunId } from "#lib/migrate/events.ts";

export type RunIdFlags = { readonly runId?: string | undefined; readonly cancel?: string | undefined };

/** Gives a verb that begins runs the flags that name one. */
export function addRunIdOptions(command: Command): Command {
  return command
    .addOption(new Option("--run-id <id>", "watch the run of this id, or begin it").env("POSTERN_RUN_ID"))
    .addOption(new Option("--cancel <run-id>", "end the run of this id, and do nothing else").env("POSTERN_CANCEL"));
}

/** @throws PosternError `usage.invalid` for an id that is none */
export function refuseInvalidRunIds({ runId, cancel }: RunIdFlags): void {
  for (const [flag, id] of [["--run-id", runId] as const, ["--cancel", cancel] as const]) {
    if (id === undefined || isRunId(id)) continue;
    throw new PosternError("usage.invalid", `${flag} ${id}: expected a run id, 8 to 48 letters, digits, - or _.`);
  }
}
