import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Validations } from "aws-cdk-lib";
import { AwsSolutionsChecks } from "cdk-nag";
import { createAccessApp } from "../../../infra/access/app.ts";
import { contextKey } from "../../../infra/access/settings.ts";
import { settings } from "../settings.ts";

/** What cdk-nag's pack AwsSolutions finds, by the construct: stack and resource. Account numbers are the stack's. */
export type Findings = Readonly<Record<string, readonly string[]>>;

type Report = {
  readonly pluginReports: readonly {
    readonly pluginName: string;
    readonly violations: readonly {
      readonly ruleName: string;
      readonly violatingConstructs: readonly { readonly constructPath: string }[];
    }[];
  }[];
};

export function findWithNag(): Findings {
  const outdir = mkdtempSync(path.join(tmpdir(), "postern-nag-"));
  try {
    const app = createAccessApp({ context: { [contextKey]: settings }, outdir });
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    try {
      app.synth();
    } catch (error) {
      // It throws for what it has found, after it has written the report.
      if (!(error instanceof Error) || error.name !== "ValidationFailed") throw error;
    }
    const { pluginReports } = JSON.parse(readFileSync(path.join(outdir, "validation-report.json"), "utf8")) as Report;
    const found = pluginReports
      .filter(({ pluginName }) => pluginName === "AwsSolutions")
      .flatMap(({ violations }) => violations)
      .flatMap(({ ruleName, violatingConstructs }) =>
        violatingConstructs.map(({ constructPath }) => [constructPath, ruleName] as const),
      );
    const byConstruct = Map.groupBy(found, ([construct]) => construct);
    return Object.fromEntries(
      [...byConstruct].map(([construct, rules]) => [
        construct,
        rules.map(([, rule]) => rule.replaceAll(/\b\d{12}\b/g, "ACCOUNT")).toSorted(),
      ]),
    );
  } finally {
    rmSync(outdir, { recursive: true });
  }
}
