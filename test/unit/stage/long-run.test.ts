import { expect, test } from "vitest";
import type { LongRuns, Manifest } from "#lib/contract.ts";
import { createLongRunPort } from "#lib/stage/long-run.ts";
import { runOnStage } from "#lib/stage/run.ts";
import { awsError, type FakeAnswer, type FakeAws, type FakeRequest, startFakeAws } from "./fake-aws.ts";

const longRuns: LongRuns = {
  cluster: "postern-dev",
  taskDefinition: "postern-dev-runner:7",
  container: "runner",
  subnets: ["subnet-1", "subnet-2"],
  securityGroup: "sg-1",
};
const manifest = { functions: { runner: "r", inspect: "i", health: "h" } } as Manifest;
const event = { action: "migrate", runId: "run-of-mine", requestedBy: "me" } as const;
const taskArn = "arn:aws:ecs:eu-central-1:123456789012:task/postern-dev/0123";
const started = { status: 200, body: { tasks: [{ taskArn }], failures: [] } };

const operationOf = ({ path, headers }: FakeRequest) =>
  path.startsWith("/2015-03-31/") ? "Invoke" : String(headers["x-amz-target"]).split(".")[1];
const open = (aws: FakeAws) => createLongRunPort(manifest, longRuns, aws.access, { onStarted: () => {} });

test("starts one Fargate task in private subnets, with the event in a variable and the run's id as the token", async () => {
  await using aws = await startFakeAws(() => started);
  await open(aws).queue(event);
  expect(aws.requests.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
    {
      cluster: "postern-dev",
      taskDefinition: "postern-dev-runner:7",
      launchType: "FARGATE",
      count: 1,
      clientToken: "run-of-mine",
      startedBy: "postern",
      propagateTags: "TASK_DEFINITION",
      networkConfiguration: {
        awsvpcConfiguration: {
          subnets: ["subnet-1", "subnet-2"],
          securityGroups: ["sg-1"],
          assignPublicIp: "DISABLED",
        },
      },
      overrides: {
        containerOverrides: [
          { name: "runner", environment: [{ name: "POSTERN_EVENT", value: JSON.stringify(event) }] },
        ],
      },
    },
  ]);
});

test("an answer that is lost is asked for again with the same token", async () => {
  let requests = 0;
  await using aws = await startFakeAws(() => ((requests += 1) === 1 ? undefined : started));
  await open(aws).queue(event);
  const tokens = aws.requests.map(({ body }) => (JSON.parse(body) as { clientToken: string }).clientToken);
  expect(tokens).toEqual(["run-of-mine", "run-of-mine"]);
});

test.each<[FakeAnswer, string, RegExp]>([
  [
    { status: 200, body: { tasks: [], failures: [{ reason: "RESOURCE:MEMORY", detail: "none is left" }] } },
    "aws.failed",
    /RESOURCE:MEMORY: none is left/u,
  ],
  [awsError("AccessDeniedException", "not authorized to perform ecs:RunTask"), "aws.permission", /ecs:RunTask/u],
  [awsError("ClusterNotFoundException", "Cluster not found."), "aws.failed", /Cluster not found/u],
])("a task that is not started is an error (%#)", async (answer, code, message) => {
  await using aws = await startFakeAws(() => answer);
  await expect(open(aws).queue(event)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("a token that another request has used is watched as the task that was started with it", async () => {
  const conflict = { __type: "ConflictException", message: "already in use", resourceIds: [taskArn] };
  await using aws = await startFakeAws((request) => {
    if (operationOf(request) === "RunTask") {
      return { status: 400, body: conflict, headers: { "x-amzn-errortype": "ConflictException" } };
    }
    if (operationOf(request) === "DescribeTasks") return stopped({ stoppedReason: "no image" });
    return { status: 200, body: { runId: event.runId, state: "unknown" } };
  });
  const { runId, ...request } = event;
  const watching = runOnStage({ port: open(aws), request, runId });
  await expect(watching).rejects.toMatchObject({ code: "run.unknown", message: expect.stringContaining("no image") });
});

/** Answers one run: `states` of it, poll by poll, and what ECS says of its task. */
async function watch(states: readonly string[], describe: FakeAnswer) {
  const left = [...states];
  await using aws = await startFakeAws((request) => {
    if (operationOf(request) === "RunTask") return started;
    if (operationOf(request) === "DescribeTasks") return describe;
    const state = left.length > 1 ? left.shift() : left[0];
    const result = state === "ended" ? { result: "done" } : {};
    return { status: 200, body: { runId: event.runId, state, ...result } };
  });
  const { runId: _, ...request } = event;
  const outcome = await runOnStage({ port: open(aws), request }).catch((error: unknown) => error);
  return { outcome, described: aws.requests.filter((one) => operationOf(one) === "DescribeTasks").length };
}

const stopped = (rest: object) => ({ status: 200, body: { tasks: [{ taskArn, lastStatus: "STOPPED", ...rest }] } });
const starting = { status: 200, body: { tasks: [{ taskArn, lastStatus: "PROVISIONING" }] } };

test("is watched in the ledger; the task itself is looked at only until the run has begun", async () => {
  const { outcome, described } = await watch(["unknown", "unknown", "running", "running", "ended"], starting);
  expect([outcome, described]).toEqual(["done", 2]);
});

test("a task that stopped before its run began is told at once, with why", async () => {
  const why = { stoppedReason: "CannotPullContainerError: no route", containers: [{ name: "runner", exitCode: 1 }] };
  const { outcome } = await watch(["unknown"], stopped(why));
  expect(outcome).toMatchObject({
    code: "run.unknown",
    message: expect.stringMatching(/CannotPullContainerError: no route; container runner exited with 1/u),
  });
});

test("a run that began and ended between two looks is not missed when its task has stopped", async () => {
  const { outcome } = await watch(["unknown", "ended"], stopped({}));
  expect(outcome).toBe("done");
});

test("whoever may not look at the task watches the run all the same", async () => {
  const { outcome } = await watch(["unknown", "ended"], awsError("AccessDeniedException", "no ecs:DescribeTasks"));
  expect(outcome).toBe("done");
});
