import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { type BuiltFunctions, buildFunctions } from "#lib/bundle/build.ts";
import { type BundleInfo, deployEvent, type DeployWishes, functionEnv, secretVariables } from "#lib/contract.ts";
import { createEmptySecret, type SecretStore, storeSecret } from "#lib/local/aws/secret-store.ts";
import { startLambdaHost } from "#lib/local/lambda/host.ts";
import { hashSeeds } from "#lib/migrate/seed/source/seeds-hash.ts";
import { connect } from "#lib/postgres/connect.ts";
import { startTestEndpoint } from "./aws-endpoint.ts";
import { repositoryRoot } from "./command-line.ts";
import { makeMigrationFolder } from "./migration-folder.ts";
import { createTestDatabase, type OwnTestServer, startTestServer, type TestDatabase } from "./postgres.ts";
import { master } from "./roles.ts";

/** A server with a master as on RDS, and the runner's bundle: for all tests of a file. */
export type DeployGround = AsyncDisposable & { readonly server: OwnTestServer; readonly built: BuiltFunctions };

export async function prepareDeploys(): Promise<DeployGround> {
  const stack = new AsyncDisposableStack();
  const dir = stack.adopt(await mkdtemp(join(tmpdir(), "postern-deploy-")), async (path) =>
    rm(path, { recursive: true }),
  );
  const built = await buildFunctions({ root: repositoryRoot, outDir: join(dir, "functions"), parts: ["runner"] });
  const server = stack.use(await startTestServer());
  await using database = await createTestDatabase(server);
  await using connection = await connect(database.address, { applicationName: "deploy test" });
  await connection.client.query(`create role ${master.user} login createrole createdb password '${master.password}'`);
  return { server, built, [Symbol.asyncDispose]: async () => stack.disposeAsync() };
}

export type Deployed = {
  /** The reply; undefined where the function failed. */
  readonly result: Record<string, unknown> | undefined;
  /** What Lambda says of a function that failed. */
  readonly failure: { readonly errorType: string; readonly errorMessage: string } | undefined;
};

export type DeployBench = AsyncDisposable & {
  readonly database: TestDatabase;
  readonly secrets: SecretStore;
  /** As the superuser. */
  readonly client: pg.Client;
  readonly rows: (sql: string) => Promise<Record<string, unknown>[]>;
  /** The runs in the ledger: id and outcome, in the order in which they began. */
  readonly runs: () => Promise<string[]>;
  /** Puts these migrations and seeds (by set and file) into the bundle. */
  readonly write: (texts: readonly string[], seeds?: Readonly<Record<string, string>>) => Promise<BundleInfo>;
  readonly invoke: (event: unknown) => Promise<Deployed>;
  /** As infra invokes it, for the bundle that is written. */
  readonly deploy: (wishes?: DeployWishes) => Promise<Deployed>;
  /** All that the function wrote. */
  readonly log: () => string;
};

/**
 * The runner function as a deploy invokes it: its bundle under AWS's runtime client, its secrets on the local endpoint, a database of
 * the master's, in which setup was not run.
 */
export async function openDeployBench(
  { server, built }: DeployGround,
  options: { readonly isProtected?: boolean; readonly timeoutMs?: number } = {},
): Promise<DeployBench> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase(server));
  const { client } = stack.use(await connect(database.address, { applicationName: "onlooker" }));
  await client.query(`alter database ${database.name} owner to ${master.user}`);
  const endpoint = stack.use(await startTestEndpoint());
  const login = JSON.stringify({ username: master.user, password: master.password });
  await storeSecret(endpoint.secrets, "master", login, new Date());
  for (const role of ["migrator", "app", "health"]) await createEmptySecret(endpoint.secrets, role);

  const dir = stack.adopt(await mkdtemp(join(tmpdir(), "postern-bundle-")), async (path) =>
    rm(path, { recursive: true }),
  );
  const bundleDir = join(dir, "runner");
  await cp(built.parts.runner.dir, bundleDir, { recursive: true });
  const { credentials, region, endpoint: url } = endpoint.config();
  const { host, port } = database.address;
  const env = {
    AWS_ENDPOINT_URL: url,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    [functionEnv.app]: "postern",
    [functionEnv.stage]: "test",
    [functionEnv.protected]: String(options.isProtected ?? false),
    [functionEnv.databaseHost]: host,
    [functionEnv.databasePort]: String(port),
    [functionEnv.databaseName]: database.name,
    [functionEnv.caFile]: database.caFile,
    ...Object.fromEntries(
      (["master", "migrator", "app", "health"] as const).map((owner) => [secretVariables[owner], owner]),
    ),
  };
  const lines: string[] = [];
  const { timeoutMs = 900_000 } = options;
  const lambda = stack.use(
    await startLambdaHost({
      functions: [{ name: "runner", bundleDir, handler: "index.handler", env, timeoutMs }],
      region,
      onLog: ({ line }) => lines.push(line),
    }),
  );
  let info = built.info;
  const invoke = async (event: unknown): Promise<Deployed> => {
    const { payload, functionError } = await lambda.invoke("runner", JSON.stringify(event));
    const reply = JSON.parse(Buffer.from(payload).toString()) as unknown;
    return functionError === undefined
      ? { result: reply as Deployed["result"], failure: undefined }
      : { result: undefined, failure: reply as Deployed["failure"] };
  };
  const rows = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows;
  return {
    database,
    secrets: endpoint.secrets,
    client,
    rows,
    runs: async () =>
      (await rows("select run_id, coalesce(outcome, 'open') as outcome from postern.runs order by started_at")).map(
        ({ run_id: id, outcome }) => `${String(id)} ${String(outcome)}`,
      ),
    write: async (texts, seeds = {}) => {
      await using folder = await makeMigrationFolder();
      const { hash } = await folder.write(texts);
      await rm(join(bundleDir, "migrations"), { recursive: true });
      await cp(folder.dir, join(bundleDir, "migrations"), { recursive: true });
      const seedsDir = join(bundleDir, "seeds");
      await rm(seedsDir, { recursive: true });
      await mkdir(seedsDir);
      for (const [file, text] of Object.entries(seeds)) {
        await mkdir(join(seedsDir, file, ".."), { recursive: true });
        await writeFile(join(seedsDir, file), text);
      }
      const seedsHash = await hashSeeds(seedsDir);
      info = { version: "1.0.0", migrationsHash: hash, ...(seedsHash === undefined ? {} : { seedsHash }) };
      await writeFile(join(bundleDir, "bundle.json"), JSON.stringify(info));
      return info;
    },
    invoke,
    deploy: async (wishes = {}) => invoke(deployEvent(info, wishes)),
    log: () => lines.join("\n"),
    [Symbol.asyncDispose]: async () => stack.disposeAsync(),
  };
}
