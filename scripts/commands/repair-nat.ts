import { type Command, Option } from "commander";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { parseStageName } from "#lib/stage/stage-name.ts";
import type { CommandContext } from "../command-context.ts";
import { parseDuration } from "../options/duration.ts";
import { repairNat } from "../repair-nat/repair-nat.ts";
import { describeRepair } from "../report/repair-report.ts";
import { openStage } from "../target.ts";

const help = `
Gives a stage's private subnets their way out again, and its bastions their sessions: compares the instances, Elastic IPs and
routes that AWS tells of with those that were deployed, and shows what it would do. With --yes it does it, one step after the
other, and verifies it: with a new plan, and with the doctor's walk through the tunnel.

  start-instance               a NAT instance or bastion that is stopped
  associate-address            one that has lost its Elastic IP; from an instance that runs none is taken
  turn-off-source-dest-check   one that drops what it should forward
  create-route, replace-route  a private subnet whose default route is missing, or leads to nothing
  reboot-instance              a bastion with which nothing else is wrong, and whose agent is silent

Nothing is touched that lacks the stage's tags. What leads elsewhere and works is left as it is. What is gone is not made:
that is for a deploy, and is said.

On a protected stage --yes is not enough: --approve takes the hash of the plan that you have read, and nothing is done if that
is no longer the plan. A reboot cuts what goes through the instance, and so does another address; the plan says whom.

A step that fails ends it. What was done stays; run it again, and it goes on from there.

Exit code: 0 nothing to do, or mended; 1 it needs --yes or --approve, or a deploy; 2 it could not be done,
as without credentials.

Examples:
  $ postern repair-nat --stage dev
  $ postern repair-nat --stage dev --yes
  $ postern repair-nat --stage production --approve 3f9a… --json`;

type Flags = {
  readonly stage?: string;
  readonly data?: string;
  readonly yes?: boolean;
  readonly approve?: string;
  readonly wait: number;
};

const defaultWaitMs = 180_000;

export function registerRepairNat(command: Command, context: CommandContext): void {
  command
    .addOption(new Option("--stage <name>", "the stage to mend").env("POSTERN_STAGE"))
    .addOption(
      new Option("--data <dir>", "data folder of the local stage (default: .postern/local)").env("POSTERN_DATA"),
    )
    .addOption(new Option("--yes", "do what the plan says").env("POSTERN_YES"))
    .addOption(
      new Option("--approve <hash>", "do what the plan of this hash says, which you have read").env("POSTERN_APPROVE"),
    )
    .addOption(
      new Option("--wait <time>", "how long to wait for the agents to register afterwards")
        .env("POSTERN_WAIT")
        .default(defaultWaitMs, "3m")
        .argParser(parseDuration),
    )
    .addHelpText("after", help)
    .action(async () => {
      const { stage, data, yes = false, approve, wait: waitMs } = readFlags(command);
      const target = await openStage(parseStageName(stage), data, context);
      const result = await repairNat({ target, yes, approve, waitMs, clock: systemClock, context });
      const { flags, manifest } = target;
      const about = { flags, isProtected: manifest.protected };
      context.output.result(result, (document, style) => describeRepair(document, style, about));
      const { plan, applied, unmended, verified, error } = result;
      if (error !== undefined) {
        const thrown = PosternError.fromDocument(error);
        if (!context.output.json) context.output.error(thrown.toDocument());
        context.endWith(thrown.exitCode);
      } else if (applied.length < plan.length || (verified === undefined ? unmended.length > 0 : !verified.ok)) {
        context.endWith(1);
      }
    });
}

/** @throws PosternError `usage.invalid` without a stage, and for a hash that is none */
function readFlags(command: Command): Flags & { readonly stage: string } {
  const { stage, ...flags } = command.opts<Flags>();
  if (stage === undefined) throw new PosternError("usage.invalid", "No stage was given: expected --stage NAME.");
  if (flags.approve !== undefined && !/^[0-9a-f]{64}$/u.test(flags.approve)) {
    throw new PosternError("usage.invalid", `--approve ${flags.approve}: expected the plan hash, 64 digits of hex.`);
  }
  return { ...flags, stage };
}
