import type { AlarmParts } from "./alarms/alarm.ts";
import { databaseAlarms, proxyAlarms } from "./alarms/database.ts";
import { functionAlarms } from "./alarms/lambda.ts";
import { natAlarms } from "./alarms/nat.ts";
import { chooseTopic } from "./alarms/topic.ts";

/** What wakes somebody up, on stages that say whom. Without an address there are none: each costs ten cents a month. */
export function declareAlarms(parts: AlarmParts): void {
  const topic = chooseTopic(parts.settings.alarms);
  if (topic === undefined) return;
  for (const alarm of [
    ...databaseAlarms(parts),
    ...proxyAlarms(parts),
    ...natAlarms(parts),
    ...functionAlarms(parts),
  ]) {
    const { name, says, namespace, metric, dimensions, statistic, below, atLeast, minutes, times, isSilenceBad } =
      alarm;
    new aws.cloudwatch.MetricAlarm(`Alarm${name}`, {
      name: `${$app.name}-${$app.stage}-${name}`,
      alarmDescription: `${says} (stage ${$app.stage})`,
      namespace,
      metricName: metric,
      ...(dimensions === undefined ? {} : { dimensions }),
      statistic,
      comparisonOperator: below === undefined ? "GreaterThanOrEqualToThreshold" : "LessThanThreshold",
      threshold: below ?? atLeast ?? 0,
      period: minutes * 60,
      evaluationPeriods: times,
      treatMissingData: isSilenceBad === true ? "breaching" : "notBreaching",
      alarmActions: [topic],
      okActions: [topic],
    });
  }
}
