import { type FunctionPart, functionName, manifestParameterName } from "#lib/contract.ts";
import type { Account } from "../settings.ts";
import { arn } from "../arn.ts";
import { ownStage } from "../own-stage.ts";
import type { Statement } from "../statement.ts";

/** Functions have no tags that a policy could ask for at an invocation; their names say whose they are. */
export function mayInvoke(account: Account, parts: readonly FunctionPart[]): Statement {
  return {
    Sid: "FunctionsOfOwnStage",
    Effect: "Allow",
    Action: ["lambda:InvokeFunction"],
    Resource: parts.map((part) => arn(account, "lambda", `function:${functionName(ownStage, part)}`)),
  };
}

/** Where the parts of a stage are; no secret is in it. Every command with `--stage` begins here. */
export function mayReadManifest(account: Account): Statement {
  return {
    Sid: "ManifestOfOwnStage",
    Effect: "Allow",
    Action: ["ssm:GetParameter"],
    Resource: [arn(account, "ssm", `parameter${manifestParameterName(ownStage)}`)],
  };
}
