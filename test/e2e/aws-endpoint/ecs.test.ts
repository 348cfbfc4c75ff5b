import process from "node:process";
import {
  DescribeTasksCommand,
  ECSClient,
  ListTasksCommand,
  RunTaskCommand,
  type RunTaskCommandInput,
} from "@aws-sdk/client-ecs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTaskHost } from "#lib/local/tasks/host.ts";
import {
  accountId,
  disposable,
  errorOf,
  region,
  startTestEndpoint,
  type TestEndpoint,
} from "../../support/aws-endpoint.ts";
import { waitFor } from "../../support/wait-for.ts";

const stack = new AsyncDisposableStack();
const lines: string[] = [];
let endpoint: TestEndpoint;
beforeAll(async () => {
  const program =
    "console.log(JSON.stringify([process.env.FROM, process.env.GIVEN, process.env.HOME])); process.exit(3)";
  const task = {
    cluster: "c",
    taskDefinition: "t",
    container: "main",
    command: process.execPath,
    args: ["-e", program],
    cwd: "/",
    env: { FROM: "the definition", GIVEN: "the definition" },
  };
  const tasks = stack.use(startTaskHost({ tasks: [task], region, accountId, onLog: ({ line }) => lines.push(line) }));
  endpoint = stack.use(await startTestEndpoint({ tasks }));
});
afterAll(async () => stack.disposeAsync());

const request: RunTaskCommandInput = {
  cluster: "c",
  taskDefinition: "t",
  launchType: "FARGATE",
  propagateTags: "TASK_DEFINITION",
  networkConfiguration: { awsvpcConfiguration: { subnets: ["subnet-1"], securityGroups: ["sg-1"] } },
};

describe("ECS", () => {
  test("starts a task as a process with the definition's environment and what overrides it, and tells how it ended", async () => {
    using client = disposable(new ECSClient(endpoint.config()));
    const overrides = {
      containerOverrides: [{ name: "main", environment: [{ name: "GIVEN", value: "the request" }] }],
    };
    const { tasks = [], failures } = await client.send(new RunTaskCommand({ ...request, overrides }));
    expect(failures).toEqual([]);
    const taskArn = tasks[0]?.taskArn ?? "";
    expect(taskArn).toMatch(/^arn:aws:ecs:eu-central-1:123456789012:task\/c\/[0-9a-f]{32}$/u);
    const describeTask = async () =>
      (await client.send(new DescribeTasksCommand({ cluster: "c", tasks: [taskArn] }))).tasks?.[0];
    await waitFor("the task stops", async () => (await describeTask())?.lastStatus === "STOPPED", 15_000);
    expect(await describeTask()).toMatchObject({
      stoppedReason: "Essential container in task exited",
      containers: [{ name: "main", exitCode: 3 }],
    });
    expect(lines).toEqual([JSON.stringify(["the definition", "the request", null])]);
  });

  test("gives the same task for the same token, and refuses the token for another request", async () => {
    using client = disposable(new ECSClient(endpoint.config()));
    const once = { ...request, clientToken: "run-of-mine" };
    const all = await Promise.all([1, 2, 3].map(async () => client.send(new RunTaskCommand(once))));
    expect(new Set(all.map(({ tasks }) => tasks?.[0]?.taskArn)).size).toBe(1);
    const other = new RunTaskCommand({ ...once, startedBy: "another" });
    expect(await errorOf(client.send(other))).toMatchObject({ name: "ConflictException", status: 400 });
  });

  test("a task that is not there is a failure of the answer", async () => {
    using client = disposable(new ECSClient(endpoint.config()));
    const { tasks, failures } = await client.send(new DescribeTasksCommand({ cluster: "c", tasks: ["nope"] }));
    expect([tasks, failures]).toEqual([[], [{ arn: "nope", reason: "MISSING" }]]);
  });

  test.each([
    ["an unknown cluster", new RunTaskCommand({ ...request, cluster: "d" }), "ClusterNotFoundException"],
    ["an unknown definition", new RunTaskCommand({ ...request, taskDefinition: "u" }), "ClientException"],
    [
      "an unknown container",
      new RunTaskCommand({ ...request, overrides: { containerOverrides: [{ name: "other" }] } }),
      "InvalidParameterException",
    ],
    ["no network", new RunTaskCommand({ ...request, networkConfiguration: undefined }), "InvalidParameterException"],
    [
      "overrides that are too long",
      new RunTaskCommand({
        ...request,
        overrides: { containerOverrides: [{ name: "main", environment: [{ name: "A", value: "a".repeat(8192) }] }] },
      }),
      "InvalidParameterException",
    ],
    ["an operation that is not offered", new ListTasksCommand({}), "UnknownOperationException"],
  ] as const)("refuses %s", async (_case, command, name) => {
    using client = disposable(new ECSClient(endpoint.config()));
    expect(await errorOf(client.send(command as RunTaskCommand))).toMatchObject({ name, status: 400 });
  });
});
