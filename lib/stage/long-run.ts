import { ConflictException, DescribeTasksCommand, ECSClient, RunTaskCommand, type Task } from "@aws-sdk/client-ecs";
import { PosternError } from "#lib/base/errors.ts";
import { longRunEvent, type LongRuns, type Manifest } from "#lib/contract.ts";
import type { RunnerEvent } from "#lib/protocol.ts";
import { type AwsAccess, clientConfig, sendOptions } from "./aws-access.ts";
import { toAwsError } from "./aws-errors.ts";
import { makeLongRunId } from "./long-run-id.ts";
import { createRunPort, type RunPort } from "./run.ts";

/** A machine for the task is found, the image fetched and the program started: usually a minute, with a large image more. */
const beginWithinMs = 10 * 60_000;

export type LongRunHooks = {
  /** The task is on its way. */
  readonly onStarted: (taskArn: string) => void;
};

/**
 * The functions of a stage as a port, whose runs are started as the long-run task: the same runner in a container, without the
 * function's fifteen minutes. What is watched and cancelled is the run, as always, through the inspect function.
 *
 * A task that stops before its run has begun (no image, no memory, a wrong variable) is noticed.
 */
export function createLongRunPort(
  manifest: Manifest,
  longRuns: LongRuns,
  access: AwsAccess,
  hooks: LongRunHooks,
): RunPort {
  const port = createRunPort(manifest, access);
  let taskArn: string | undefined;
  return {
    ...port,
    beginWithinMs,
    makeRunId: makeLongRunId,
    watchFlags: "--long-run --run-id",
    queue: async (event, signal) => {
      taskArn = await startTask(longRuns, access, event, signal);
      if (taskArn !== undefined) hooks.onStarted(taskArn);
    },
    readProgress: async (runId, signal) => {
      const progress = await port.readProgress(runId, signal);
      if (progress.state !== "unknown" || taskArn === undefined) return progress;
      const task = await describeTask(longRuns, access, taskArn, signal);
      if (task?.lastStatus !== "STOPPED") return progress;
      // It may have begun, and ended, since.
      const last = await port.readProgress(runId, signal);
      if (last.state === "unknown") throw neverBegan(runId, task);
      return last;
    },
  };
}

/**
 * Safe to repeat: with the same token ECS gives the task that it has started, or, where anything else in the request differs,
 * refuses it and names that task.
 *
 * @returns undefined where a task was started before, and was not named
 */
async function startTask(
  { cluster, taskDefinition, container, subnets, securityGroup }: LongRuns,
  access: AwsAccess,
  event: RunnerEvent,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const command = new RunTaskCommand({
    cluster,
    taskDefinition,
    launchType: "FARGATE",
    count: 1,
    clientToken: event.runId,
    startedBy: "postern",
    // Policies go by the tags of the stage, which a task does not take over by itself.
    propagateTags: "TASK_DEFINITION",
    networkConfiguration: {
      awsvpcConfiguration: { subnets: [...subnets], securityGroups: [securityGroup], assignPublicIp: "DISABLED" },
    },
    overrides: {
      containerOverrides: [{ name: container, environment: [{ name: longRunEvent, value: JSON.stringify(event) }] }],
    },
  });
  const answer = await call("RunTask", access, signal, async (client) => {
    try {
      return await client.send(command, sendOptions(signal));
    } catch (error) {
      if (error instanceof ConflictException) return error;
      throw error;
    }
  });
  if (answer instanceof ConflictException) return answer.resourceIds?.[0];
  const { tasks = [], failures = [] } = answer;
  const taskArn = tasks[0]?.taskArn;
  if (taskArn !== undefined) return taskArn;
  const reasons = failures.map(({ reason, detail }) => [reason, detail].filter(Boolean).join(": ")).join("; ");
  throw new PosternError("aws.failed", `ecs:RunTask started no task: ${reasons === "" ? "no reason given" : reasons}.`);
}

/** Undefined where the task cannot be looked at: the run is watched all the same. */
async function describeTask(
  { cluster }: LongRuns,
  access: AwsAccess,
  taskArn: string,
  signal: AbortSignal | undefined,
): Promise<Task | undefined> {
  try {
    const { tasks = [] } = await call("DescribeTasks", access, signal, async (client) =>
      client.send(new DescribeTasksCommand({ cluster, tasks: [taskArn] }), sendOptions(signal)),
    );
    return tasks[0];
  } catch (error) {
    if (error instanceof PosternError && error.code === "aws.permission") return undefined;
    throw error;
  }
}

function neverBegan(runId: string, { stoppedReason, containers = [] }: Task): PosternError {
  const ends = containers.flatMap(({ name, exitCode, reason }) => [
    ...(exitCode === undefined ? [] : [`container ${name} exited with ${exitCode}`]),
    ...(reason === undefined ? [] : [reason]),
  ]);
  const why = [stoppedReason, ...ends].filter(Boolean).join("; ");
  return new PosternError(
    "run.unknown",
    `The task stopped before the run ${runId} began: ${why || "no reason given"}.`,
    {
      hint: "The log of the long-run task tells more.",
    },
  );
}

async function call<Output>(
  operation: string,
  access: AwsAccess,
  signal: AbortSignal | undefined,
  send: (client: ECSClient) => Promise<Output>,
): Promise<Output> {
  const client = new ECSClient(clientConfig(access));
  try {
    return await send(client);
  } catch (error) {
    throw toAwsError(error, { name: `ecs:${operation}`, access, signal });
  } finally {
    client.destroy();
  }
}
