import { allow, deny, type Row } from "../row.ts";
import { lambda, parameter, secret } from "../targets.ts";
import { migrate } from "./principals.ts";

export const migrateJobRows: readonly Row[] = [
  allow(migrate, "lambda:InvokeFunction", lambda("postern-production-runner", "production"), "the approved plan"),
  allow(
    migrate,
    "ssm:GetParameter",
    parameter("/postern/production/manifest", "production"),
    "names of the stage's parts",
  ),
  deny(migrate, "lambda:InvokeFunction", lambda("postern-reports-runner", "production"), "other stage"),
  deny(migrate, "lambda:InvokeFunction", lambda("postern-production-health", "production"), "another function"),
  deny(migrate, "lambda:UpdateFunctionCode", lambda("postern-production-runner", "production"), "it deploys nothing"),
  deny(
    migrate,
    "secretsmanager:GetSecretValue",
    secret("postern/production/migrator", "production"),
    "it reads no secret",
  ),
];
