import type { Alarm, AlarmParts } from "./alarm.ts";
import { logBadStops } from "./long-run-stops.ts";

/** A run that fails ends the function well, and says so in its log; the long-run task writes the same lines. */
const saysThatItFailed = '{ $.message = "run failed" || $.status = "failed" }';
/** Whatever is in the log of bad stops. */
const anyStop = '{ $.detail.lastStatus = "STOPPED" }';

export function functionAlarms({ settings, runner, health, runnerLog, longRuns }: AlarmParts): Alarm[] {
  const failedRuns = countFailedRuns("AlarmFailedRuns", runnerLog, saysThatItFailed);
  if (longRuns !== undefined) {
    countFailedRuns("AlarmFailedLongRuns", longRuns.logName, saysThatItFailed);
    countFailedRuns("AlarmLongRunStopsCount", logBadStops(longRuns.clusterArn, settings), anyStop);
  }
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
      says:
        "A run failed, or a long run was refused, is not whole, was killed or never started: see postern status, " +
        "the log of the runner, and the two logs of long runs.",
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

/** All count into one metric: a failure that is seen in two places is told once. */
function countFailedRuns(name: string, logGroupName: $util.Input<string>, pattern: string) {
  const namespace = "Postern";
  const metric = `${$app.stage}-failed-runs`;
  new aws.cloudwatch.LogMetricFilter(name, {
    logGroupName,
    pattern,
    metricTransformation: { namespace, name: metric, value: "1" },
  });
  return { namespace, metric };
}
