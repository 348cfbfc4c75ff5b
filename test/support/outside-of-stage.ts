import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FunctionPart, functionName, functionParts, type Manifest, manifestParameterName } from "#lib/contract.ts";
import { startAwsEndpoint } from "#lib/local/aws/endpoint.ts";
import type { TaskRunner } from "#lib/local/aws/ecs.ts";
import { type AwsResources, noResources } from "#lib/local/aws/resources.ts";
import { createMemorySecretStore, type SecretStore } from "#lib/local/aws/secret-store.ts";
import type { SessionManager } from "#lib/local/aws/ssm-sessions.ts";
import { readMigrations } from "#lib/migrate/folder/source.ts";
import { repositoryRoot } from "./command-line.ts";

type Reply = (event: { readonly action: string; readonly runId: string }) => unknown;
export type Functions = Partial<Record<FunctionPart, Reply>>;
type Invocation = { readonly part: FunctionPart; readonly type: string; readonly event: { readonly action: string } };

export type OutsideParts = {
  readonly tasks?: TaskRunner;
  readonly secrets?: SecretStore;
  readonly sessions?: SessionManager;
  /** As EC2 tells. */
  readonly instances?: () => AwsResources["instances"];
  /** The CA of its database. */
  readonly caFile?: string;
};

/**
 * The outside of a stage: a real endpoint with a manifest, and functions that reply what the test says. The real
 * functions have their own tests; here it is the command line that is asked.
 */
export async function startOutsideOfStage(
  functions: Functions,
  manifest: Partial<Manifest> = {},
  { tasks, secrets = createMemorySecretStore(), sessions, instances = () => [], caFile }: OutsideParts = {},
) {
  const stack = new AsyncDisposableStack();
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), "postern-test-")), async (dir) =>
    rm(dir, { recursive: true }),
  );
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
      secrets,
      tasks: () => tasks,
      sessions: () => sessions,
      lambda: () => ({
        has: (name) => partOf(name) !== undefined,
        invoke: async (name, payload, { invocationType: type }) => {
          const part = partOf(name) ?? "health";
          const event = JSON.parse(Buffer.from(payload).toString("utf8")) as Parameters<Reply>[0];
          invocations.push({ part, type, event });
          const reply = Buffer.from(type === "Event" ? "" : JSON.stringify(await functions[part]?.(event)));
          const statusCode = type === "Event" ? 202 : 200;
          return { statusCode, payload: reply, executedVersion: "$LATEST", requestId: randomUUID() };
        },
      }),
      resources: () => ({ ...noResources, instances: instances() }),
    }),
  );
  const access = { url: endpoint.url, region: "local", ...credentials, ...(caFile === undefined ? {} : { caFile }) };
  await writeFile(join(folder, "aws.json"), JSON.stringify(access), { mode: 0o600 });
  const awsEnv = {
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_REGION: "local",
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const dispose = async () => stack.disposeAsync();
  return {
    [Symbol.asyncDispose]: dispose,
    folder,
    published,
    invocations,
    awsEnv,
    env: { POSTERN_STAGE: "local", POSTERN_DATA: folder, POSTERN_JSON: "1" },
  };
}

function partOf(name: string): FunctionPart | undefined {
  return functionParts.find((part) => functionName("local", part) === name);
}
