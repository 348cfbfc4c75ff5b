const retentionDays = 90;

/** Who talked to whom in the VPC, accepted and rejected, to CloudWatch. Kept when the stage is removed. */
export function declareFlowLogs(vpcId: $util.Input<string>): void {
  const log = new aws.cloudwatch.LogGroup(
    "NetworkFlowLog",
    { namePrefix: `/${$app.name}/${$app.stage}/flow-log-`, retentionInDays: retentionDays },
    { retainOnDelete: true },
  );
  const { accountId } = aws.getCallerIdentityOutput();
  const role = new aws.iam.Role("NetworkFlowLogRole", {
    // The account is named, so that the service cannot be led to write here for another one.
    assumeRolePolicy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: "vpc-flow-logs.amazonaws.com" },
          Action: "sts:AssumeRole",
          Condition: { StringEquals: { "aws:SourceAccount": accountId } },
        },
      ],
    }),
  });
  const policy = new aws.iam.RolePolicy("NetworkFlowLogPolicy", {
    role: role.id,
    policy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
          Resource: [log.arn, $interpolate`${log.arn}:*`],
        },
      ],
    }),
  });
  new aws.ec2.FlowLog(
    "NetworkFlow",
    { vpcId, trafficType: "ALL", logDestination: log.arn, iamRoleArn: role.arn },
    { dependsOn: [policy] },
  );
}
