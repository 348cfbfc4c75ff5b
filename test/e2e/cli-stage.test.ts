import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type FunctionPart, functionName, functionParts, type Manifest, manifestParameterName } from "#lib/contract.ts";
import { startAwsEndpoint } from "#lib/local/aws/endpoint.ts";
import { createMemorySecretStore } from "#lib/local/aws/secret-store.ts";
import { hashSeeds } from "#lib/migrate/seed/seeds-hash.ts";
import { readMigrations } from "#lib/migrate/source.ts";
import { repositoryRoot, runCommand } from "../support/command-line.ts";

type Reply = (event: { readonly action: string; readonly runId: string }) => unknown;
type Functions = Partial<Record<FunctionPart, Reply>>;
type Invocation = { readonly part: FunctionPart; readonly type: string; readonly event: { readonly action: string } };

let folder: string;
let stack: AsyncDisposableStack;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  folder = await mkdtemp(join(tmpdir(), "postern-test-"));
  stack.defer(async () => rm(folder, { recursive: true }));
});
afterEach(async () => {
  await stack.disposeAsync();
});

/**
 * The outside of a stage: a real endpoint with a manifest, and functions that reply what the test says. The real
 * functions have their own tests; here it is the command line that is asked.
 */
async function startStage(functions: Functions, manifest: Partial<Manifest> = {}) {
  const invocations: Invocation[] = [];
  const published: Manifest = {
    version: 1,
    app: "postern",
    stage: "local",
    region: "local",
    protected: false,
    database: { host: "db.internal", port: 5432, name: "app", instanceId: "postern-local" },
    functions: {
      runner: functionName("local", "runner"),
      inspect: functionName("local", "inspect"),
      health: functionName("local", "health"),
    },
    healthUrl: "http://127.0.0.1:1/",
    secrets: {},
    bundle: { version: "0.1.0", migrationsHash: (await readMigrations(join(repositoryRoot, "migrations"))).hash },
    bastions: [],
    ...manifest,
  };
  const credentials = { accessKeyId: `TEST${randomUUID()}`, secretAccessKey: randomUUID() };
  const endpoint = stack.use(
    await startAwsEndpoint({
      port: 0,
      onLog: () => {},
      credentials,
      region: "local",
      accountId: "000000000000",
      parameters: new Map([[manifestParameterName("local"), JSON.stringify(published)]]),
      secrets: createMemorySecretStore(),
      lambda: () => ({
        has: (name) => partOf(name) !== undefined,
        invoke: async (name, payload, { invocationType: type }) => {
          const part = partOf(name) ?? "health";
          const event = JSON.parse(Buffer.from(payload).toString("utf8")) as Parameters<Reply>[0];
          invocations.push({ part, type, event });
          const reply = Buffer.from(type === "Event" ? "" : JSON.stringify(functions[part]?.(event)));
          const statusCode = type === "Event" ? 202 : 200;
          return { statusCode, payload: reply, executedVersion: "$LATEST", requestId: randomUUID() };
        },
      }),
      resources: () => ({ dbInstances: [], dbProxies: [], dbProxyTargets: {}, instances: [], addresses: [] }),
    }),
  );
  const access = { url: endpoint.url, region: "local", ...credentials };
  await writeFile(join(folder, "aws.json"), JSON.stringify(access), { mode: 0o600 });
  const awsEnv = {
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_REGION: "local",
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  return { published, invocations, awsEnv, env: { POSTERN_STAGE: "local", POSTERN_DATA: folder, POSTERN_JSON: "1" } };
}

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

function partOf(name: string): FunctionPart | undefined {
  return functionParts.find((part) => functionName("local", part) === name);
}
