import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import { nearestNames } from "#lib/base/nearest-names.ts";
import { verdictCodes } from "#lib/doctor/verdicts.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import { examineStage } from "../doctor/examine-stage.ts";
import { examineTarget } from "../doctor/examine-target.ts";
import { examineUrl } from "../doctor/examine-url.ts";
import { reportUnopened } from "../doctor/unopened-stage.ts";
import { parsePositiveDuration } from "../options/duration.ts";
import { describeDoctorReport } from "../report/doctor-report.ts";
import { describeVerdictPage, verdictPage } from "../report/verdict-page.ts";
import { addTargetOptions, openTarget } from "../target.ts";
import { addFarEndOptions, openDestination } from "../tunnel/destination.ts";
import { addTransportOptions, readTransportFlags } from "../tunnel/transport-options.ts";

const help = `
Walks along a connection step by step, from the name to a query and 32 KB in both directions, and names the one root
cause of what is broken, what proves it, and the one thing to do. Nothing is written, and no credentials go to a server
whose certificate cannot be verified.

With --url the walk begins here. With --stage it is taken twice, side by side: from here through a session on the bastion, as
postern_readonly, and by the stage's inspect function inside the VPC; meanwhile AWS is asked what it says of the stage. What
differs decides. What these credentials may not ask AWS is skipped, and said to be; that AWS takes no credentials, or does not let
them read the manifest, is a verdict, too.

The way of a stage's walk is that of its tunnel: --transport ssh, and the flags that go with it, take another one. --target, --host and
--remote-port examine the way through any bastion; as PGUSER with PGPASSWORD, or without them as far as the certificate.

Where TLS settings are the trouble, with --url, those that work are tried, and the connection string for them is printed.

With --hold a connection rests so long when all else is well, and is asked again: what forgets connections on the way
shows then (with --url).

Exit code: 0 all is well; 1 something is broken.

Examples:
  $ postern doctor --stage dev
  $ postern doctor --stage dev --transport ssh --ssh-host bastion.example.com
  $ postern doctor --target i-0abc… --host db.internal --remote-port 5432
  $ postern doctor --url postgres://me@db.example:5432/app --ca ca.pem --json
  $ postern doctor --url postgres://me@db.example:5432/app --hold 6m
  $ postern doctor explain tcp.timeout`;

export function registerDoctor(command: Command, context: CommandContext): void {
  addTransportOptions(addFarEndOptions(addTargetOptions(command)))
    .addOption(
      new Option("--hold <duration>", "let a connection rest so long in the end, and ask again (with --url)")
        .env("POSTERN_HOLD")
        .argParser(parsePositiveDuration),
    )
    .addHelpText("after", help)
    .action(async ({ hold: holdMs }: { readonly hold?: number }) => {
      const { signal } = context;
      if (namesFarEnd(command)) {
        const transport = readTransportFlags(command);
        const destination = await openDestination(command, transport, context);
        if (destination.kind === "stage") throw new TypeError("a far end that is a stage");
        const { ca } = command.opts<{ readonly ca?: string }>();
        return conclude(await examineTarget(destination, transport, ca, context), context);
      }
      const target = await openTarget(command, context).catch(reportUnopened);
      if ("verdict" in target) return conclude(target, context);
      if (target.kind === "url" && command.getOptionValueSource("transport") === "cli") {
        throw new PosternError(
          "usage.invalid",
          "--transport goes with --stage or --target: --url is reached from here.",
        );
      }
      if (holdMs !== undefined && target.kind === "stage") {
        throw new PosternError("usage.invalid", "--hold goes with --url, for instance through a tunnel's local port.");
      }
      const report =
        target.kind === "url"
          ? await examineUrl({ address: target.address, holdMs, signal })
          : await examineStage(target, readTransportFlags(command), context);
      conclude(report, context);
    });
  command
    .command("explain")
    .addOption(new Option("--json", "print one JSON document on stdout").env("POSTERN_JSON"))
    .argument("<code>", "a verdict, as tcp.timeout")
    .summary("say what a verdict means, what proves it and what to do")
    .action((typed: string) => {
      const code = verdictCodes.find((one) => one === typed);
      if (code === undefined) {
        const hint = `Did you mean ${nearestNames(typed, verdictCodes).join(", ")}? docs/verdicts.md has them all.`;
        throw new PosternError("usage.invalid", `There is no verdict ${JSON.stringify(typed)}.`, { hint });
      }
      context.output.result(verdictPage(code), describeVerdictPage);
    });
}

function conclude(report: DoctorReport, { output, endWith }: CommandContext): void {
  output.result(report, describeDoctorReport);
  if (report.verdict.code !== "ok") endWith(1);
}

/** Whether a database without a stage was typed; variables for the tunnel's own verb mean nothing here. */
function namesFarEnd(command: Command): boolean {
  const typed = ["stage", "url", "target", "host", "remotePort"].filter(
    (name) => command.getOptionValueSource(name) === "cli",
  );
  const [first] = typed;
  if (first === undefined || typed.every((name) => name === "stage" || name === "url")) return false;
  if (first !== "stage" && first !== "url") return true;
  throw new PosternError("usage.invalid", `--${first} says where the database is: expected no other target beside it.`);
}
