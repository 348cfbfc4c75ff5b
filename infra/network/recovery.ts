/** Two minutes without an answer; a reboot takes longer than a glitch. */
const periodSeconds = 60;
const periods = 2;

const recoveries = [
  // The host is broken: EC2 moves the instance to another one, with its addresses.
  { name: "Recover", metric: "StatusCheckFailed_System", action: "recover", periods },
  // The instance is: it is started anew. Later, so that a move is tried first.
  { name: "Reboot", metric: "StatusCheckFailed_Instance", action: "reboot", periods: periods + 1 },
] as const;

/** Brings an instance back by itself, by its number from 1. Nobody is told here; `alarms.ts` does that. */
export function declareRecovery(name: string, instanceId: $util.Input<string>): void {
  const { region } = aws.getRegionOutput();
  const { partition } = aws.getPartitionOutput();
  for (const recovery of recoveries) {
    new aws.cloudwatch.MetricAlarm(`${name}${recovery.name}`, {
      name: `${$app.name}-${$app.stage}-${name}${recovery.name}`,
      alarmDescription: `EC2 will ${recovery.action} the instance by itself.`,
      namespace: "AWS/EC2",
      metricName: recovery.metric,
      dimensions: { InstanceId: instanceId },
      statistic: "Maximum",
      comparisonOperator: "GreaterThanOrEqualToThreshold",
      threshold: 1,
      period: periodSeconds,
      evaluationPeriods: recovery.periods,
      alarmActions: [$interpolate`arn:${partition}:automate:${region}:ec2:${recovery.action}`],
    });
  }
}
