import { type Command, InvalidArgumentError, Option } from "commander";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { nearestNames } from "#lib/base/nearest-names.ts";
import { verdictPage } from "#lib/doctor/report/verdict-page.ts";
import { verdictCodes } from "#lib/doctor/verdicts.ts";
import type { CommandContext } from "../command-context.ts";
import { maskError } from "../doctor/masked-error.ts";
import { openExamination } from "../doctor/open-examination.ts";
import { showProgress } from "../doctor/progress.ts";
import { checkReportFile } from "../doctor/report-file.ts";
import { createReporter } from "../doctor/reporter.ts";
import { watchReports } from "../doctor/watch.ts";
import { parsePositiveDuration } from "../options/duration.ts";
import { describeVerdictPage } from "../report/verdict-page.ts";
import { addTargetOptions } from "../target.ts";
import { addFarEndOptions } from "../tunnel/destination.ts";
import { addTransportOptions } from "../tunnel/transport-options.ts";

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

Where TLS settings are the trouble, with --url, others are tried as far as the handshake, and the connection
string for those that work is printed.

With --hold a connection rests so long when all else is well, and is asked again: what forgets connections on the way
shows then (with --url).

--watch looks again and again and says what changes; nothing is open in between. --html writes a page to attach to an incident: one
file, with a drawing of the path. Account ids are masked everywhere, and in the page public addresses and the ids of machines, too;
--unmasked shows them. Secrets are never shown.

Exit code: 0 all is well; 1 something is broken, and be it that AWS takes no credentials; 2 it could not be examined; 130 and 141 for
--watch, ended by Ctrl-C and by a reader of stdout that left.

Examples:
  $ postern doctor --stage dev
  $ postern doctor --stage dev --transport ssh --ssh-host bastion.example.com
  $ postern doctor --target i-0abc… --host db.internal --remote-port 5432
  $ postern doctor --url postgres://me@db.example:5432/app --ca ca.pem --json
  $ postern doctor --url postgres://me@db.example:5432/app --hold 6m
  $ postern doctor --stage dev --html report.html
  $ postern doctor --stage dev --watch 10s
  $ postern doctor explain tcp.timeout`;

type DoctorFlags = {
  readonly hold?: number;
  readonly watch?: number;
  readonly html?: string;
  readonly force?: boolean;
  readonly unmasked?: boolean;
};

export function registerDoctor(command: Command, context: CommandContext): void {
  addTransportOptions(addFarEndOptions(addTargetOptions(command)))
    .addOption(
      new Option("--hold <duration>", "let a connection rest so long in the end, and ask again (with --url)")
        .env("POSTERN_HOLD")
        .argParser(parsePositiveDuration),
    )
    .addOption(
      new Option("--watch [interval]", "look again and again, and say what changes (default: every 30s)")
        .env("POSTERN_WATCH")
        .preset("30s")
        .argParser(parseInterval),
    )
    .addOption(new Option("--html <file>", "write the report as a page, too, to pass on").env("POSTERN_HTML"))
    .addOption(new Option("--force", "Danger: --html writes over any file").env("POSTERN_FORCE"))
    .addOption(
      new Option("--unmasked", "show account ids, and in the page addresses and ids of machines, too").env(
        "POSTERN_UNMASKED",
      ),
    )
    .addHelpText("after", help)
    .action(async (flags: DoctorFlags) => {
      await runDoctor(command, flags, context).catch((error: unknown) => {
        throw maskError(error, flags.unmasked === true);
      });
    });
  command
    .command("explain")
    .addOption(new Option("--json", "print one JSON document on stdout").env("POSTERN_JSON"))
    .argument("<code>", "a verdict, as tcp.timeout")
    .summary("say what a verdict means, what proves it and what to do")
    .action((typed: string) => {
      const code = verdictCodes.find((one) => one === typed.toLowerCase());
      if (code === undefined) {
        const hint = `Did you mean ${nearestNames(typed, verdictCodes).join(", ")}? docs/verdicts.md has them all.`;
        throw new PosternError("usage.invalid", `There is no verdict ${JSON.stringify(typed)}.`, { hint });
      }
      context.output.result(verdictPage(code), describeVerdictPage);
    });
}

async function runDoctor(command: Command, flags: DoctorFlags, context: CommandContext): Promise<void> {
  const { hold, watch: intervalMs, html, force = false, unmasked = false } = flags;
  const { output, signal } = context;
  const file = html === undefined ? undefined : { path: html, isForced: force };
  if (file !== undefined) await checkReportFile(file);
  const { target, look } = await openExamination(command, hold, context);
  const reporter = createReporter({ target, isUnmasked: unmasked, ...(file === undefined ? {} : { file }) }, context);
  const lookOnce = async () => {
    using progress = showProgress(output);
    return await look({ onStep: progress.onStep, onSecret: reporter.hide });
  };
  if (intervalMs !== undefined) {
    output.startEvents();
    context.endWithReader();
    await watchReports({ ...reporter, intervalMs, look: lookOnce, output, clock: systemClock, signal });
    return;
  }
  const report = await lookOnce();
  await reporter.show(report, systemClock.wallTime());
  if (report.verdict.code !== "ok") context.endWith(1);
}

const shortestMs = 1000;

function parseInterval(text: string): number {
  const ms = parsePositiveDuration(text);
  if (ms < shortestMs) throw new InvalidArgumentError("expected at least 1s: a look opens several connections.");
  return ms;
}
