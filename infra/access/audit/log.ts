import type { CfnKey } from "aws-cdk-lib/aws-kms";
import { CfnLogGroup } from "aws-cdk-lib/aws-logs";
import { RemovalPolicy, type Stack } from "aws-cdk-lib";

/** A year; who did what is asked long afterwards, so that it stays when the stack is removed. */
const retentionInDays = 365;

export function declareLog(stack: Stack, id: string, logGroupName: string, key: CfnKey): CfnLogGroup {
  const log = new CfnLogGroup(stack, id, {
    logGroupName,
    retentionInDays,
    kmsKeyId: key.attrArn,
    deletionProtectionEnabled: true,
  });
  log.applyRemovalPolicy(RemovalPolicy.RETAIN);
  return log;
}
