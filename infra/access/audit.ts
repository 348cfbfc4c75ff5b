import type { Stack } from "aws-cdk-lib";
import { declareKey } from "./audit/key.ts";
import { declareReports } from "./audit/reports.ts";
import { declareSessionPreferences } from "./audit/sessions.ts";
import { protectedStages } from "./own-stage.ts";
import type { Account } from "./settings.ts";

/** Whether there is anything to keep in this account. */
export function needsAudit(account: Account): boolean {
  return protectedStages(account).length > 0 || account.audit.sessionPreferences;
}

/** What is told and kept of sessions: reports where a stage is protected, transcripts of shells where they are asked for. */
export function declareAudit(stack: Stack, account: Account): void {
  const key = declareKey(stack, account);
  if (protectedStages(account).length > 0) declareReports(stack, account, key);
  if (account.audit.sessionPreferences) declareSessionPreferences(stack, key);
}
