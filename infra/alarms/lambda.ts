import type { Alarm, AlarmParts } from "./alarm.ts";

export function functionAlarms({ runner, health, runnerLog, longRunLog }: AlarmParts): Alarm[] {
  const failedRuns = countFailedRuns("AlarmFailedRuns", runnerLog);
  if (longRunLog !== undefined) countFailedRuns("AlarmFailedLongRuns", longRunLog);
  const once = { statistic: "Sum", atLeast: 1, minutes: 5, times: 1 } as const;
  const lambda = { namespace: "AWS/Lambda" } as const;
  return [
    {
      ...once,
      ...lambda,
      name: "RunnerErrors",
      says: "The runner crashed, ran out of time, or a deploy's run failed: see its log.",
      metric: "Errors",
      dimensions: { FunctionName: runner },
    },
    {
      ...once,
      ...lambda,
      name: "RunnerDropped",
      says: "A run was asked for and never began: the account has no concurrency left, or the runner cannot start.",
      metric: "AsyncEventsDropped",
      dimensions: { FunctionName: runner },
    },
    {
      ...once,
      ...failedRuns,
      name: "RunnerFailedRuns",
      says: "A run failed: see postern status, and the log of the runner or of the long-run task.",
    },
    {
      ...lambda,
      name: "Health5xx",
      says: "The health check has been answering that the database is down for 3 minutes.",
      metric: "Url5xxCount",
      dimensions: { FunctionName: health },
      statistic: "Sum",
      atLeast: 1,
      minutes: 1,
      times: 3,
    },
  ];
}

/** A run that fails ends the function well, and says so in its log; the long-run task writes the same lines. */
function countFailedRuns(name: string, logGroupName: $util.Input<string>) {
  const namespace = "Postern";
  const metric = `${$app.stage}-failed-runs`;
  new aws.cloudwatch.LogMetricFilter(name, {
    logGroupName,
    pattern: '{ $.message = "run failed" || $.status = "failed" }',
    metricTransformation: { namespace, name: metric, value: "1" },
  });
  return { namespace, metric };
}
