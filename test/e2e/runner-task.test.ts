import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildFunctions } from "#lib/bundle/build.ts";
import { functionEnv, longRunEvent } from "#lib/contract.ts";
import type { RunnerEvent } from "#lib/protocol.ts";
import { storeSecret } from "#lib/local/aws/secret-store.ts";
import { readProgress } from "#lib/migrate/ledger/progress.ts";
import { connect } from "#lib/postgres/connect.ts";
import { startTestEndpoint } from "../support/aws-endpoint.ts";
import { repositoryRoot } from "../support/command-line.ts";
import { createTestDatabase, type TestDatabase } from "../support/postgres.ts";
import { startProgram } from "../support/program.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let taskFile: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  const workDir = stack.adopt(await mkdtemp(join(tmpdir(), "postern-task-")), async (dir) =>
    rm(dir, { recursive: true }),
  );
  const built = await buildFunctions({ root: repositoryRoot, outDir: join(workDir, "functions"), parts: ["runner"] });
  taskFile = join(built.parts.runner.dir, "task.mjs");
  const endpoint = stack.use(await startTestEndpoint());
  const { user, password, host, port } = database.address;
  const secretId = "postern/test/migrator";
  await storeSecret(endpoint.secrets, secretId, JSON.stringify({ username: user, password }), new Date());
  const caFile = join(workDir, "ca.pem");
  await writeFile(caFile, database.caPem);
  const { credentials, region, endpoint: url } = endpoint.config();
  env = {
    PATH: process.env["PATH"],
    AWS_ENDPOINT_URL: url,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    [functionEnv.app]: "postern",
    [functionEnv.stage]: "test",
    [functionEnv.protected]: "false",
    [functionEnv.databaseHost]: host,
    [functionEnv.databasePort]: String(port),
    [functionEnv.databaseName]: database.name,
    [functionEnv.caFile]: caFile,
    [functionEnv.migratorSecret]: secretId,
  };
});
afterAll(async () => stack.disposeAsync());

async function runTask(event: RunnerEvent | string | undefined, changes: NodeJS.ProcessEnv = {}) {
  const text = typeof event === "string" || event === undefined ? event : JSON.stringify(event);
  await using program = startProgram(taskFile, [], { env: { ...env, ...changes, [longRunEvent]: text } });
  const lines: string[] = [];
  for (let line = await program.nextLine(); line !== undefined; line = await program.nextLine()) lines.push(line);
  return { exitCode: await program.exitCode, log: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test("the long-run task does what the function does, without its deadline, and its outcome is in the ledger", async () => {
  const run = { runId: "long-run-1", requestedBy: "test" };
  const { exitCode, log } = await runTask({ action: "migrate", ...run });
  expect(log.at(-1)).toMatchObject({ message: "run ended", status: "applied" });
  expect(exitCode).toBe(0);
  await using connection = await connect(database.address, { applicationName: "test" });
  expect(await readProgress(connection.client, run.runId)).toMatchObject({
    state: "ended",
    result: { status: "applied", applied: expect.arrayContaining(["0005_updated-at"]) },
  });
  expect((await runTask({ action: "migrate", ...run })).exitCode).toBe(0);
});

test.each([
  ["false", { message: "run ended", exitCode: 0 }],
  ["true", { code: "push.protected", exitCode: 1 }],
  [undefined, { code: "push.protected", exitCode: 1 }],
  ["no", { code: "config.invalid", error: expect.stringMatching(/POSTERN_PROTECTED: .*received "no"/u), exitCode: 2 }],
  ["", { code: "config.invalid", error: expect.stringMatching(/POSTERN_PROTECTED: .*received ""/u), exitCode: 2 }],
])("with POSTERN_PROTECTED=%s, a stage is unprotected only by the word false", async (value, end) => {
  const event = { action: "push", runId: `push-with-${value}`, requestedBy: "test", dryRun: true } as const;
  const { exitCode, log } = await runTask(event, { [functionEnv.protected]: value });
  expect({ ...log.at(-1), exitCode }).toMatchObject(end);
});

test.each([[undefined], ["not json"], ['{"action":"dance"}']])("refuses the event %j", async (event) => {
  const { exitCode, log } = await runTask(event);
  expect(log.at(-1)).toMatchObject({ level: "warn", code: "event.invalid" });
  expect(exitCode).toBe(2);
});
