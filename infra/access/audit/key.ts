import { CfnKey } from "aws-cdk-lib/aws-kms";
import type { Stack } from "aws-cdk-lib";
import { arn, iamArn } from "../arn.ts";
import type { Account } from "../settings.ts";
import { policyDocument } from "../statement.ts";

/** Log groups that the key encrypts. */
export const logNames = { tunnels: "/postern-access/tunnels", sessions: "/postern-access/sessions" } as const;

/**
 * One key for what the audit keeps. A topic with AWS's own key would take nothing from EventBridge.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
 */
export function declareKey(stack: Stack, account: Account): CfnKey {
  return new CfnKey(stack, "AuditKey", {
    description: "Reports of tunnels, and transcripts of shells",
    enableKeyRotation: true,
    pendingWindowInDays: 30,
    keyPolicy: policyDocument([
      {
        // The account's own policies say who may do what with it. Without this statement nobody could change it any more.
        Sid: "Account",
        Effect: "Allow",
        Principal: { AWS: iamArn(account, "root") },
        Action: "kms:*",
        Resource: "*",
      },
      {
        Sid: "RuleToTopic",
        Effect: "Allow",
        Principal: { Service: "events.amazonaws.com" },
        Action: ["kms:Decrypt", "kms:GenerateDataKey"],
        Resource: "*",
      },
      {
        Sid: "OwnLogs",
        Effect: "Allow",
        Principal: { Service: `logs.${account.region}.amazonaws.com` },
        Action: ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        Resource: "*",
        Condition: {
          ArnEquals: {
            "kms:EncryptionContext:aws:logs:arn": Object.values(logNames).map((name) =>
              arn(account, "logs", `log-group:${name}`),
            ),
          },
        },
      },
    ]),
  });
}
