import { functionName, manifestParameterName } from "#lib/contract.ts";
import type { Statement } from "../statement.ts";
import { ofStages, type Scope } from "./place.ts";

/** A job that applies an approved plan: the two functions that do it, and the manifest that names them. */
export function mayMigrate(scope: Scope): readonly Statement[] {
  return [
    {
      Sid: "ReadManifest",
      Effect: "Allow",
      Action: "ssm:GetParameter",
      Resource: ofStages(scope, "ssm", (stage) => `parameter${manifestParameterName(stage)}`),
    },
    {
      Sid: "AskRunner",
      Effect: "Allow",
      Action: "lambda:InvokeFunction",
      Resource: (["runner", "inspect"] as const).flatMap((part) =>
        ofStages(scope, "lambda", (stage) => `function:${functionName(stage, part)}`),
      ),
    },
  ];
}
