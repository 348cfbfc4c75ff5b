import type { StageSettings } from "../settings/schema.ts";

/** A week is free. */
const insightsDays = 7;
/** The cheapest; what it writes to CloudWatch Logs is paid, hence only on protected stages. */
const enhancedSeconds = 60;

/** Performance Insights everywhere; the operating system's own numbers ("enhanced monitoring") on protected stages. */
export function declareMonitoring(identifier: string, { protected: isProtected }: StageSettings) {
  const insights = {
    performanceInsightsEnabled: true,
    performanceInsightsRetentionPeriod: insightsDays,
    databaseInsightsMode: "standard",
  };
  if (!isProtected) return { ...insights, monitoringInterval: 0 };
  return { ...insights, monitoringInterval: enhancedSeconds, monitoringRoleArn: declareRole(identifier) };
}

/** The instance is named, so that the service cannot be led to act for another one ("confused deputy"). */
function declareRole(identifier: string): $util.Output<string> {
  const { accountId } = aws.getCallerIdentityOutput();
  const { region } = aws.getRegionOutput();
  const { partition } = aws.getPartitionOutput();
  const role = new aws.iam.Role(
    "DatabaseMonitoringRole",
    {
      description: `Enhanced monitoring of ${identifier}`,
      assumeRolePolicy: $jsonStringify({
        Version: "2012-10-17",
        Statement: [
          {
            Effect: "Allow",
            Principal: { Service: "monitoring.rds.amazonaws.com" },
            Action: "sts:AssumeRole",
            Condition: {
              StringEquals: {
                "aws:SourceAccount": accountId,
                "aws:SourceArn": $interpolate`arn:${partition}:rds:${region}:${accountId}:db:${identifier}`,
              },
            },
          },
        ],
      }),
    },
    { retainOnDelete: true },
  );
  const attachment = new aws.iam.RolePolicyAttachment(
    "DatabaseMonitoringPolicy",
    {
      role: role.name,
      policyArn: $interpolate`arn:${partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole`,
    },
    { retainOnDelete: true },
  );
  // RDS refuses a role that cannot do it yet.
  return $util.all([role.arn, attachment.id]).apply(([arn]) => arn);
}
