import type { CfnKey } from "aws-cdk-lib/aws-kms";
import { CfnDocument } from "aws-cdk-lib/aws-ssm";
import type { Stack } from "aws-cdk-lib";
import { logNames } from "./key.ts";
import { declareLog } from "./log.ts";

/**
 * The preferences of Session Manager: shells are encrypted with our key, end by themselves, and are written down. There is one such
 * document for an account and region, under a name that AWS has chosen, and it is for all instances there: so it is asked for.
 *
 * Of a tunnel nothing is written down, whatever stands here: Session Manager logs no port sessions.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-logging.html
 */
export function declareSessionPreferences(stack: Stack, key: CfnKey): void {
  const log = declareLog(stack, "SessionLog", logNames.sessions, key);
  const preferences = new CfnDocument(stack, "SessionPreferences", {
    name: "SSM-SessionManagerRunShell",
    documentType: "Session",
    documentFormat: "JSON",
    updateMethod: "NewVersion",
    content: {
      schemaVersion: "1.0",
      description: "Preferences of Session Manager",
      sessionType: "Standard_Stream",
      inputs: {
        kmsKeyId: key.attrArn,
        cloudWatchLogGroupName: logNames.sessions,
        cloudWatchEncryptionEnabled: true,
        cloudWatchStreamingEnabled: true,
        idleSessionTimeout: "20",
        maxSessionDuration: "60",
        runAsEnabled: false,
      },
    },
  });
  preferences.addResourceDependency(log);
}
