import type { Command } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import { examine } from "#lib/doctor/examine.ts";
import type { CommandContext } from "../command-context.ts";
import { describeDoctorReport } from "../report/doctor-report.ts";
import { addTargetOptions, openTarget } from "../target.ts";

const help = `
Walks along a connection step by step, from the name to a query and 32 KB in both directions, and names the one root
cause of what is broken, what proves it, and the one thing to do. Nothing is written, and no credentials go to a server
whose certificate cannot be verified.

Exit code: 0 all is well; 1 something is broken.

Examples:
  $ postern doctor --url postgres://me@db.example:5432/app
  $ postern doctor --url postgres://me@db.example:5432/app --ca ca.pem --json`;

export function registerDoctor(command: Command, context: CommandContext): void {
  addTargetOptions(command)
    .addHelpText("after", help)
    .action(async () => {
      const target = await openTarget(command, context);
      if (target.kind === "stage") {
        throw new PosternError(
          "usage.invalid",
          "The doctor cannot look through a stage's tunnel yet: expected --url.",
          {
            hint: "Open the tunnel with `postern ssm-tunnel`, and name its local port in --url, with hostaddr=127.0.0.1.",
          },
        );
      }
      const report = await examine({ address: target.address, signal: context.signal });
      context.output.result(report, describeDoctorReport);
      if (report.verdict.code !== "ok") context.endWith(1);
    });
}
