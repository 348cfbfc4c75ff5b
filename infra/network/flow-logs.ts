import { createRole } from "../roles.ts";

const retentionDays = 90;

/** Who talked to whom in the VPC, accepted and rejected, to CloudWatch. Kept when the stage is removed. */
export function declareFlowLogs(vpcId: $util.Input<string>): void {
  const log = new aws.cloudwatch.LogGroup(
    "NetworkFlowLog",
    { namePrefix: `/${$app.name}/${$app.stage}/flow-log-`, retentionInDays: retentionDays },
    { retainOnDelete: true },
  );
  const { role, policy } = createRole("NetworkFlowLog", "vpc-flow-logs.amazonaws.com", [
    {
      Sid: "WriteLog",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
      Resource: [log.arn, $interpolate`${log.arn}:*`],
    },
  ]);
  new aws.ec2.FlowLog(
    "NetworkFlow",
    { vpcId, trafficType: "ALL", logDestination: log.arn, iamRoleArn: role.arn },
    { dependsOn: [policy] },
  );
}
