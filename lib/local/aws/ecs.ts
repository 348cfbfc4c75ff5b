import * as v from "valibot";
import { AwsError } from "./aws-error.ts";
import { jsonService, parseMembers } from "./json-protocol.ts";
import type { AwsService } from "./protocol.ts";

/** A task as ECS tells of it, as much as is offered here. */
export type LocalTask = {
  readonly taskArn: string;
  readonly clusterArn: string;
  readonly taskDefinitionArn: string;
  readonly lastStatus: "RUNNING" | "STOPPED";
  readonly stoppedReason?: string;
  readonly containers: readonly { readonly name: string; readonly lastStatus: string; readonly exitCode?: number }[];
};

export type TaskRequest = {
  readonly cluster: string;
  readonly taskDefinition: string;
  /** Variables that are set over those of the definition, by container. */
  readonly overrides: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

/** Whoever runs the tasks, as much of it as the API needs. */
export type TaskRunner = {
  /** @throws AwsError for a cluster, a definition or a container that is not there */
  run(request: TaskRequest): Promise<LocalTask>;
  /** By id or ARN. */
  find(cluster: string, task: string): LocalTask | undefined;
};

const names = v.array(v.pipe(v.string(), v.minLength(1)));
const runTask = v.object({
  cluster: v.optional(v.string(), "default"),
  taskDefinition: v.string(),
  launchType: v.optional(v.string()),
  count: v.optional(v.number()),
  /** Tags are not kept here. */
  propagateTags: v.optional(v.picklist(["TASK_DEFINITION", "SERVICE", "NONE"])),
  clientToken: v.optional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,64}$/u))),
  networkConfiguration: v.optional(
    v.object({
      awsvpcConfiguration: v.object({
        subnets: v.pipe(names, v.minLength(1), v.maxLength(16)),
        securityGroups: v.optional(v.pipe(names, v.maxLength(5))),
        assignPublicIp: v.optional(v.picklist(["ENABLED", "DISABLED"])),
      }),
    }),
  ),
  overrides: v.optional(
    v.object({
      containerOverrides: v.optional(
        v.array(
          v.object({
            name: v.string(),
            environment: v.optional(v.array(v.object({ name: v.string(), value: v.string() }))),
          }),
        ),
      ),
    }),
  ),
});
const describeTasks = v.object({
  cluster: v.optional(v.string(), "default"),
  tasks: v.pipe(names, v.minLength(1), v.maxLength(100)),
});

/** All that a task is started with that the definition does not say; ECS counts it as JSON. */
const maxOverridesLength = 8192;

/**
 * ECS: one task at a time, on Fargate, and a look at it. The same client token again gives the task that it has started.
 *
 * @see https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */
export function ecsService(options: { readonly tasks: () => TaskRunner | undefined }): AwsService {
  const started = new Map<string, { readonly request: string; readonly task: Promise<LocalTask> }>();
  const runner = (): TaskRunner => {
    const tasks = options.tasks();
    if (tasks === undefined) throw new AwsError("ServerException", "No tasks can run yet.", { statusCode: 500 });
    return tasks;
  };

  const start = async (input: unknown): Promise<LocalTask> => {
    const {
      cluster,
      taskDefinition,
      launchType,
      count = 1,
      networkConfiguration,
      overrides,
    } = parseMembers(runTask, input);
    if (launchType !== "FARGATE" || count !== 1) {
      throw new AwsError("InvalidParameterException", "Only one task on FARGATE is offered here.");
    }
    if (networkConfiguration === undefined) {
      const message = "Network Configuration must be provided when networkMode 'awsvpc' is specified.";
      throw new AwsError("InvalidParameterException", message);
    }
    if (JSON.stringify(overrides ?? {}).length > maxOverridesLength) {
      const message = `Container Overrides length must be at most ${maxOverridesLength}`;
      throw new AwsError("InvalidParameterException", message);
    }
    const byContainer = (overrides?.containerOverrides ?? []).map(({ name, environment = [] }) => [
      name,
      Object.fromEntries(environment.map((variable) => [variable.name, variable.value])),
    ]);
    return await runner().run({ cluster, taskDefinition, overrides: Object.fromEntries(byContainer) });
  };

  const startOnce = async (input: unknown): Promise<LocalTask> => {
    const { clientToken } = parseMembers(runTask, input);
    if (clientToken === undefined) return await start(input);
    const request = JSON.stringify(input);
    const before = started.get(clientToken);
    if (before !== undefined && before.request !== request) {
      const message = "The provided clientToken is already in use with a different RunTask request.";
      throw new AwsError("ConflictException", message);
    }
    const task = before?.task ?? start(input);
    started.set(clientToken, { request, task });
    // One that could not be started may be asked for again.
    task.catch(() => started.delete(clientToken));
    const { clusterArn, taskArn } = await task;
    return runner().find(clusterArn, taskArn) ?? (await task);
  };

  return jsonService({
    signingName: "ecs",
    target: "AmazonEC2ContainerServiceV20141113",
    operations: {
      RunTask: async (input) => ({ tasks: [await startOnce(input)], failures: [] }),
      DescribeTasks: (input) => {
        const { cluster, tasks } = parseMembers(describeTasks, input);
        const found = tasks.map((task) => ({ task, known: runner().find(cluster, task) }));
        return {
          tasks: found.flatMap(({ known }) => known ?? []),
          failures: found.flatMap(({ task, known }) => (known === undefined ? [{ arn: task, reason: "MISSING" }] : [])),
        };
      },
    },
  });
}
