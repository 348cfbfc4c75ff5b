import { randomBytes } from "node:crypto";
import { AwsError } from "../aws/aws-error.ts";
import type { LocalTask, TaskRequest, TaskRunner } from "../aws/ecs.ts";
import { startWardedProcess, type WardedProcess } from "../process/warded-process.ts";

/** A task definition with the one container that it has, as the process that stands in for it. */
export type HostedTask = {
  readonly cluster: string;
  readonly taskDefinition: string;
  readonly container: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** Complete: nothing of this machine's environment is added. */
  readonly env: Readonly<Record<string, string>>;
};

export type TaskHostOptions = {
  readonly tasks: readonly HostedTask[];
  readonly region: string;
  readonly accountId: string;
  readonly onLog: (entry: { readonly taskDefinition: string; readonly line: string }) => void;
};

export type TaskHost = TaskRunner & AsyncDisposable;

/** On AWS half a minute; a stage that stops here takes its database along. */
const graceMs = 1500;

/**
 * Runs tasks on this machine, each as a process that ends when we do, whatever ends us. The environment, with the event in it, is
 * in no process's arguments. Disposing stops the tasks, also those that are being started, and waits until they are gone.
 */
export function startTaskHost({ tasks, region, accountId, onLog }: TaskHostOptions): TaskHost {
  /** Of the tasks that have not ended. */
  const processes = new Set<Promise<WardedProcess>>();
  let isDisposed = false;
  const known = new Map<string, LocalTask>();
  const arnOf = (kind: string, name: string) => `arn:aws:ecs:${region}:${accountId}:${kind}/${name}`;

  const refuseWhenDisposed = () => {
    if (isDisposed) throw new AwsError("ServerException", "No tasks run here any more.", { statusCode: 500 });
  };

  const run = async ({ cluster, taskDefinition, overrides }: TaskRequest): Promise<LocalTask> => {
    const hosted = choose(tasks, cluster, taskDefinition);
    const foreign = Object.keys(overrides).find((name) => name !== hosted.container);
    if (foreign !== undefined) {
      const message = `Override for container named ${foreign} is not a container in the TaskDefinition.`;
      throw new AwsError("InvalidParameterException", message);
    }
    const { container: name, command, args, cwd } = hosted;
    const id = randomBytes(16).toString("hex");
    refuseWhenDisposed();
    const starting = startWardedProcess({
      command,
      args,
      cwd,
      env: { ...hosted.env, ...overrides[name] },
      stopSignals: ["SIGTERM", "SIGKILL"],
      graceMs,
      onLine: (line) => onLog({ taskDefinition, line }),
    });
    processes.add(starting);
    const forget = () => processes.delete(starting);
    void starting.then(async ({ exited }) => exited).then(forget, forget);
    const process = await starting;
    refuseWhenDisposed();
    const task: LocalTask = {
      taskArn: arnOf("task", `${hosted.cluster}/${id}`),
      clusterArn: arnOf("cluster", hosted.cluster),
      taskDefinitionArn: arnOf("task-definition", hosted.taskDefinition),
      lastStatus: "RUNNING",
      containers: [{ name, lastStatus: "RUNNING" }],
    };
    known.set(id, task);
    void process.exited.then(({ code }) => {
      const container = { name, lastStatus: "STOPPED", ...(code === null ? {} : { exitCode: code }) };
      const stoppedReason = "Essential container in task exited";
      return known.set(id, { ...task, lastStatus: "STOPPED", stoppedReason, containers: [container] });
    });
    return task;
  };
  return {
    run,
    find: (_cluster, task) => known.get(task.split("/").at(-1) ?? ""),
    [Symbol.asyncDispose]: async () => {
      isDisposed = true;
      await Promise.all(Array.from(processes, stopOnceStarted));
    },
  };
}

async function stopOnceStarted(starting: Promise<WardedProcess>): Promise<void> {
  // Whoever started it is told why it could not be.
  const process = await starting.catch(() => undefined);
  await process?.stop();
}

function choose(tasks: readonly HostedTask[], cluster: string, taskDefinition: string): HostedTask {
  const inCluster = tasks.filter((one) => one.cluster === lastPart(cluster));
  if (inCluster.length === 0) throw new AwsError("ClusterNotFoundException", "Cluster not found.");
  const found = inCluster.find((one) => one.taskDefinition === lastPart(taskDefinition));
  if (found === undefined) throw new AwsError("ClientException", "TaskDefinition not found.");
  return found;
}

/** A name, of which an ARN is told too. */
function lastPart(nameOrArn: string): string {
  return nameOrArn.split("/").at(-1) ?? nameOrArn;
}
