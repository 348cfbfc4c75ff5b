import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openSchema } from "#lib/bundle/push.ts";
import { hashSeeds } from "#lib/migrate/seed/source/seeds-hash.ts";
import { repositoryRoot, runCommand, startCommand } from "../support/command-line.ts";
import { type Functions, startOutsideOfStage } from "../support/outside-of-stage.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
});

const startStage = async (...args: Parameters<typeof startOutsideOfStage>) =>
  stack.use(await startOutsideOfStage(...args));

const upToDate = { status: "up-to-date", applied: [], pending: [], runId: "run", ms: 1 };

test("migrate queues one run with the folder's hash and prints what the run recorded", async () => {
  let polls = 0;
  const { env, invocations } = await startStage({
    inspect: ({ runId }) => {
      polls += 1;
      return polls < 3 ? { runId, state: "running" } : { runId, state: "ended", result: upToDate };
    },
  });
  const { exitCode, json, stderr } = await runCommand(["migrate"], { env });
  expect(exitCode).toBe(0);
  expect(json()).toEqual(upToDate);
  expect(stderr).toMatch(
    /^target: stage local in local, db\.internal:5432\/app\nrun .* is queued\nrun .* is running\n$/,
  );
  expect(invocations.filter(({ part }) => part === "runner")).toEqual([
    {
      part: "runner",
      type: "Event",
      event: {
        action: "migrate",
        runId: expect.any(String),
        requestedBy: expect.stringContaining("@"),
        migrationsHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    },
  ]);
});

test("migrate sends the hash of the plan that was approved", async () => {
  const approve = "a".repeat(64);
  const { env, invocations } = await startStage({
    inspect: ({ runId }) => ({ runId, state: "ended", result: upToDate }),
  });
  await runCommand(["migrate", "--approve", approve], { env });
  expect(invocations).toContainEqual(expect.objectContaining({ event: expect.objectContaining({ approve }) }));
});

test("migrate sends which findings are let be, and a baseline its tag", async () => {
  const { env, invocations } = await startStage({
    inspect: ({ runId }) => ({ runId, state: "ended", result: { ...upToDate, baselined: ["0000_customers"] } }),
  });
  const allow = ["history.edited", "history.out-of-order"];
  await runCommand(["migrate", "--allow-out-of-order", "--allow-edited"], { env });
  const { json, stderr } = await runCommand(
    ["migrate", "--baseline", "0000_customers", "--lock-wait", "2s", "--steal-lock"],
    { env },
  );
  expect(json()).toMatchObject({ baselined: ["0000_customers"] });
  expect(stderr).toContain("would record 1 migration as applied without running");
  await runCommand(["plan", "--rehearse", "--allow-ahead"], { env });
  expect(invocations.filter(({ part }) => part === "runner").map(({ event }) => event)).toMatchObject([
    { action: "migrate", allow },
    {
      action: "baseline",
      tag: "0000_customers",
      migrationsHash: expect.any(String),
      lockWaitMs: 2000,
      stealLock: true,
    },
    { action: "rehearse", allow: ["history.database-ahead"] },
  ]);
});

test("migrate says to deploy when the folder is not the deployed one, and invokes nothing", async () => {
  const bundle = { version: "0.0.9", migrationsHash: "0".repeat(64) };
  const { env, invocations } = await startStage({}, { bundle });
  const { exitCode, json } = await runCommand(["migrate"], { env });
  expect(exitCode).toBe(1);
  expect(json()).toMatchObject({ error: { code: "bundle.stale", hint: expect.stringContaining("Deploy") } });
  expect(invocations).toEqual([]);
});

test("seed says to deploy when a seed file here is not the deployed one, unless the set comes from a bucket", async () => {
  const { bundle } = (await startStage({})).published;
  const result = { set: "demo", tables: [] };
  const functions: Functions = { inspect: ({ runId }) => ({ runId, state: "ended", result }) };
  const stale = await startStage(functions, { bundle: { ...bundle, seedsHash: "0".repeat(64) } });
  const refused = await runCommand(["seed", "--set", "demo"], { env: stale.env });
  expect([refused.exitCode, refused.json()]).toMatchObject([1, { error: { code: "bundle.stale" } }]);
  expect(stale.invocations).toEqual([]);
  const fromBucket = await runCommand(["seed", "--set", "demo", "--from", "s3://bucket/sets"], { env: stale.env });
  expect(fromBucket.json()).toEqual(result);
  const seedsHash = await hashSeeds(join(repositoryRoot, "migrations", "seeds"));
  const fresh = await startStage(functions, {
    bundle: { ...bundle, ...(seedsHash === undefined ? {} : { seedsHash }) },
  });
  expect((await runCommand(["seed", "--set", "demo"], { env: fresh.env })).json()).toEqual(result);
});

test("the error of a run keeps its code and its exit code", async () => {
  const error = { code: "lock.held", message: "someone else holds it", hint: "Wait." };
  const { env, invocations } = await startStage({ inspect: ({ runId }) => ({ runId, state: "ended", error }) });
  const { exitCode, json } = await runCommand(["seed", "--set", "demo"], { env });
  expect(exitCode).toBe(1);
  expect(json()).toEqual({ error });
  expect(invocations.filter(({ part }) => part === "inspect")).toHaveLength(1);
});

test("seed --from tells the runner where to read, and reads nothing here", async () => {
  const result = { set: "big", tables: [{ table: "t", rows: 2, inserted: 2, ms: 1 }] };
  const { env, invocations } = await startStage({ inspect: ({ runId }) => ({ runId, state: "ended", result }) });
  const { json } = await runCommand(["seed", "--set", "big", "--from", "s3://bucket/sets"], { env });
  expect(json()).toEqual(result);
  const queued = invocations.find(({ part }) => part === "runner");
  expect(queued?.event).toMatchObject({ action: "seed", set: "big", from: "s3://bucket/sets" });
});

test("status and health ask their functions and wait for the reply", async () => {
  const status = { applied: [], pending: ["0000_x"], findings: [] };
  const health = {
    status: "down",
    service: "postern",
    stage: "local",
    time: "2026-01-01T00:00:00.000Z",
    database: { ok: false, reason: "tcp.timeout", connection: "direct" },
    migrations: null,
  };
  const { env, invocations } = await startStage({ inspect: () => status, health: () => health });
  const answered = await runCommand(["status"], { env });
  expect(answered.json()).toEqual(status);
  const unhealthy = await runCommand(["health"], { env });
  expect(unhealthy.exitCode).toBe(1);
  expect(unhealthy.json()).toEqual(health);
  expect(invocations).toEqual([
    { part: "inspect", type: "RequestResponse", event: { action: "status" } },
    { part: "health", type: "RequestResponse", event: { action: "health" } },
  ]);
});

test("plan asks inspect, and only when the folder here is the deployed one", async () => {
  const plan = { pending: [], findings: [], destructive: false, planHash: "0".repeat(64) };
  const fresh = await startStage({ inspect: () => plan });
  const answered = await runCommand(["plan"], { env: fresh.env });
  expect(answered.json()).toEqual(plan);
  expect(fresh.invocations).toEqual([{ part: "inspect", type: "RequestResponse", event: { action: "plan" } }]);

  const stale = await startStage({}, { bundle: { version: "0.0.9", migrationsHash: "0".repeat(64) } });
  const refused = await runCommand(["plan"], { env: stale.env });
  expect(refused.exitCode).toBe(1);
  expect(refused.json()).toMatchObject({ error: { code: "bundle.stale" } });
  expect(stale.invocations).toEqual([]);
});

const schemaFile = join(repositoryRoot, "migrations", "schema.ts");
const pushed = { status: "pushed", statements: [], reemitted: [], unmanaged: [], findings: [], runId: "run", ms: 1 };

test("push queues one run with the schema's hash, and only when the schema file here is the deployed one", async () => {
  await using schema = await openSchema(schemaFile, "/nowhere/renames.json");
  const migrationsHash = "0".repeat(64);
  const bundle = { version: "0.1.0", migrationsHash, schemaHash: schema.hash };
  const ended = { inspect: ({ runId }: { readonly runId: string }) => ({ runId, state: "ended", result: pushed }) };
  const fresh = await startStage(ended, { bundle });
  const { exitCode, json } = await runCommand(["push", "--accept-data-loss"], { env: fresh.env });
  expect(exitCode).toBe(0);
  expect(json()).toEqual(pushed);
  const event = { action: "push", schemaHash: schema.hash, acceptDataLoss: true, dryRun: false };
  expect(fresh.invocations).toContainEqual(
    expect.objectContaining({ part: "runner", type: "Event", event: expect.objectContaining(event) }),
  );

  const stale = await startStage(ended, { bundle: { ...bundle, schemaHash: "0".repeat(64) } });
  const refused = await runCommand(["push"], { env: stale.env });
  expect(refused.exitCode).toBe(1);
  expect(refused.json()).toMatchObject({ error: { code: "bundle.stale" } });
  expect(stale.invocations).toEqual([]);
});

test("push is refused on a protected stage, and invokes nothing", async () => {
  const { env, invocations } = await startStage({}, { protected: true });
  const { exitCode, json } = await runCommand(["push", "--accept-data-loss"], { env });
  expect(exitCode).toBe(1);
  expect(json()).toMatchObject({ error: { code: "push.protected", hint: expect.stringContaining("migrat") } });
  expect(invocations).toEqual([]);
});

test("a stage that was never deployed is unknown", async () => {
  const { env, awsEnv } = await startStage({});
  const { exitCode, json } = await runCommand(["status", "--stage", "nope"], { env: { ...env, ...awsEnv } });
  expect(exitCode).toBe(2);
  expect(json()).toMatchObject({ error: { code: "stage.unknown", message: expect.stringMatching(/nope.*local/) } });
});

test("a reply of another version is refused with what to do", async () => {
  const { env } = await startStage({ inspect: () => ({ migrations: "done" }) });
  const { exitCode, json } = await runCommand(["status"], { env });
  expect(exitCode).toBe(2);
  expect(json()).toMatchObject({ error: { code: "lambda.failed", hint: expect.stringContaining("deploy") } });
});

test("setup and rotate are waited for and print what the runner replied", async () => {
  const set = { roles: [{ role: "postern_app", created: true, login: "password" }], findings: [] };
  const rotated = { role: "postern_app", versionId: "v" };
  const { env, invocations } = await startStage({ runner: ({ action }) => (action === "setup" ? set : rotated) });
  const setup = await runCommand(["setup"], { env });
  expect(setup.json()).toEqual(set);
  const rotate = await runCommand(["setup", "--rotate", "app"], { env });
  expect(rotate.json()).toEqual(rotated);
  expect(invocations).toMatchObject([
    { part: "runner", type: "RequestResponse", event: { action: "setup" } },
    { part: "runner", type: "RequestResponse", event: { action: "rotate", role: "app" } },
  ]);
});

test("migrate goes on in another run when the runner's time is over, with the approval of the rest", async () => {
  const [approve, rest] = ["a".repeat(64), "b".repeat(64)];
  const first = { status: "partial", applied: ["0000_a"], pending: ["0001_b"], runId: "run-1", ms: 5, planHash: rest };
  const second = { status: "applied", applied: ["0001_b"], pending: [], runId: "run-2", ms: 7 };
  const runs: string[] = [];
  const { env, invocations } = await startStage({
    inspect: ({ runId }) => {
      if (!runs.includes(runId)) runs.push(runId);
      return { runId, state: "ended", result: runs.length === 1 ? first : second };
    },
  });
  const { exitCode, json, stderr } = await runCommand(["migrate", "--approve", approve], { env });
  expect(json()).toMatchObject({ status: "applied", applied: ["0000_a", "0001_b"], pending: [], ms: 12 });
  expect(exitCode).toBe(0);
  expect(stderr).toContain("going on in another run");
  const queued = invocations.filter(({ part }) => part === "runner").map(({ event }) => event);
  expect(queued).toMatchObject([{ approve }, { approve: rest }]);
});

test("migrate does not go on with a run that was cancelled, nor for ever without progress", async () => {
  const error = { code: "run.cancelled", message: "cancelled" };
  const partial = { status: "partial", applied: [], pending: ["0000_a"], runId: "run-1", ms: 5 };
  for (const [result, runs] of [
    [{ ...partial, applied: ["0000_z"], error }, 1],
    [partial, 3],
  ] as const) {
    const { env, invocations } = await startStage({ inspect: ({ runId }) => ({ runId, state: "ended", result }) });
    expect((await runCommand(["migrate"], { env })).exitCode).toBe(1);
    expect(invocations.filter(({ part }) => part === "runner")).toHaveLength(runs);
  }
});

test("migrate --run-id watches a run that is on, without queueing it again, and tells where it stands", async () => {
  let polls = 0;
  const progress = { what: "0003_c", migration: { n: 2, of: 3 }, statement: { n: 1, of: 4 } };
  const { env, invocations } = await startStage({
    inspect: ({ runId }) => {
      polls += 1;
      return polls < 3 ? { runId, state: "running", progress } : { runId, state: "ended", result: upToDate };
    },
  });
  const { exitCode, stderr } = await runCommand(["migrate", "--run-id", "run-of-mine"], { env });
  expect(exitCode).toBe(0);
  expect(stderr).toContain("watching run run-of-mine\n0003_c (2 of 3), statement 1 of 4\n");
  expect(invocations.filter(({ part }) => part === "runner")).toEqual([]);
});

test.each([
  ["running", 0, { runId: "run-of-mine", cancelled: true }],
  ["ended", 2, { error: { code: "run.unknown" } }],
  ["unknown", 2, { error: { code: "run.unknown" } }],
])("migrate --cancel asks a run to end that is %s, and says what became of that", async (state, code, document) => {
  const { env, invocations } = await startStage({ inspect: ({ runId }) => ({ runId, state }) });
  const { exitCode, json } = await runCommand(["migrate", "--cancel", "run-of-mine"], { env });
  expect(json()).toMatchObject(document);
  expect(exitCode).toBe(code);
  expect(invocations).toMatchObject([{ part: "inspect", event: { action: "cancel", runId: "run-of-mine" } }]);
});

test("without a terminal, a signal leaves the run alone and says how to watch and how to end it", async () => {
  const { env } = await startStage({ inspect: ({ runId }) => ({ runId, state: "running" }) });
  const child = startCommand(["migrate"], { env });
  const [stdout, closed] = [text(child.stdout), once(child, "close")];
  for await (const chunk of child.stderr) if (String(chunk).includes("is running")) break;
  child.kill("SIGINT");
  expect(await closed).toEqual([130, null]);
  const { error } = JSON.parse(await stdout) as { error: { code: string; message: string; hint: string } };
  expect(error.code).toBe("aborted");
  expect(error.message).toMatch(/The run \S+ goes on/u);
  expect(error.hint).toMatch(/--run-id \S+, end it with --cancel \S+/u);
});
