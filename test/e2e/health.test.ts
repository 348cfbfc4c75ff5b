import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { buildFunctions } from "#lib/bundle/build.ts";
import { functionEnv } from "#lib/contract.ts";
import type { HealthReport } from "#lib/protocol.ts";
import { checkHealth } from "#lib/health/check.ts";
import type { HttpResult } from "#lib/health/function-url.ts";
import { pooledSource } from "#lib/health/pooled-source.ts";
import { startAwsEndpoint } from "#lib/local/aws/endpoint.ts";
import { noResources } from "#lib/local/aws/resources.ts";
import { createMemorySecretStore, storeSecret } from "#lib/local/aws/secret-store.ts";
import { migrate } from "#lib/migrate/migrate.ts";
import { setupRoles } from "#lib/migrate/roles/setup.ts";
import { type MigrationFolder, readMigrations } from "#lib/migrate/folder/source.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { createPool } from "#lib/postgres/pool.ts";
import { createTestDatabase, startTestServer, type TestDatabase } from "../support/postgres.ts";
import { openRun } from "../support/run-connections.ts";

const root = join(import.meta.dirname, "..", "..");
const about = { service: "postern", stage: "test" };
const passwords = { migrator: randomUUID(), app: randomUUID(), health: randomUUID() };
const secretId = "postern/test/health";
const secrets = createMemorySecretStore();

/** The roles belong to a whole server, so this file has one of its own. */
const stack = new AsyncDisposableStack();
let database: TestDatabase;
let folder: MigrationFolder;
let bundleDir: string;
let health: DatabaseAddress;

beforeAll(async () => {
  const server = stack.use(await startTestServer());
  database = stack.use(await createTestDatabase(server));
  folder = await readMigrations(join(root, "migrations"));
  {
    await using master = await connect(database.address, { applicationName: "test" });
    await setupRoles(master.client, { databaseName: database.name, readPasswords: async () => passwords });
  }
  const migrator = { ...database.address, user: "postern_migrator", password: passwords.migrator };
  const runId = randomUUID();
  await using connections = await openRun(migrator, runId);
  await migrate(connections, { folder, runId, requestedBy: "test" });

  const outDir = await mkdtemp(join(tmpdir(), "postern-test-"));
  stack.defer(async () => rm(outDir, { recursive: true, force: true }));
  const { parts } = await buildFunctions({ root, outDir: join(outDir, "bundles"), parts: ["health"] });
  bundleDir = parts.health.dir;
  health = { ...database.address, user: "postern_health", password: passwords.health };
});
afterAll(async () => {
  await stack.disposeAsync();
});

describe("the check, as postern_health over a pool", () => {
  test("is ok when every migration is applied, and tells TLS, version, latency and pool", async () => {
    await using pool = createPool(async () => health, { applicationName: "test" });
    const report = await checkHealth({ ...about, source: pooledSource(pool), folder });
    expect(report).toStrictEqual({
      status: "ok",
      ...about,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      database: {
        ok: true,
        latencyMs: expect.any(Number),
        tls: "TLSv1.3",
        serverVersion: expect.stringMatching(/^18\.\d+$/),
        connection: "direct",
        pool: { total: 1, idle: expect.any(Number), waiting: 0 },
      },
      migrations: { applied: folder.migrations.length, pending: 0 },
    });
  });

  test("is degraded when the code has a migration that the database lacks", async () => {
    await using pool = createPool(async () => health, { applicationName: "test" });
    const [last] = folder.migrations.slice(-1);
    if (last === undefined) throw new Error("The example has no migrations.");
    const next = { ...last, index: last.index + 1, tag: "next", when: last.when + 1, checksum: "new" };
    const newer = { migrations: [...folder.migrations, next] };
    const report = await checkHealth({ ...about, source: pooledSource(pool), folder: newer });
    expect(report).toMatchObject({
      status: "degraded",
      database: { ok: true },
      migrations: { applied: folder.migrations.length, pending: 1 },
    });
  });

  test("is degraded when the role may not read the history", async () => {
    await using master = await connect(database.address, { applicationName: "test" });
    await master.client.query("revoke select on drizzle.__drizzle_migrations from postern_health");
    try {
      await using pool = createPool(async () => health, { applicationName: "test" });
      const report = await checkHealth({ ...about, source: pooledSource(pool), folder });
      expect(report).toMatchObject({ status: "degraded", database: { ok: true }, migrations: null });
    } finally {
      await master.client.query("grant select on drizzle.__drizzle_migrations to postern_health");
    }
  });
});

describe("a database that does not answer is down in less than three seconds", () => {
  const servers = new Set<Server>();
  const sockets = new Set<Socket>();
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
  });

  async function listen(onConnection: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      onConnection(socket);
    });
    servers.add(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  test("refusing", async () => {
    const port = await listen(() => {});
    for (const server of servers) {
      server.close();
      await once(server, "close");
    }
    expect(await checkAt(port)).toBe("tcp.refused");
  });

  test("silent", async () => {
    expect(await checkAt(await listen(() => {}))).toBe("endpoint.silent");
  });

  test("closing", async () => {
    expect(await checkAt(await listen((socket) => socket.end()))).toBe("endpoint.closed");
  });

  test("something else", async () => {
    const port = await listen((socket) => socket.write("SSH-2.0-OpenSSH\r\n"));
    expect(await checkAt(port)).toBe("endpoint.not-postgres");
  });

  test("frozen after it had answered", async () => {
    let isFrozen = false;
    const port = await listen((socket) => {
      const upstream = createConnection(database.address.port, database.address.host);
      sockets.add(upstream.on("error", () => {}));
      upstream.on("data", (chunk) => isFrozen || socket.write(chunk));
      socket.on("data", (chunk) => isFrozen || upstream.write(chunk));
    });
    await using pool = createPool(async () => ({ ...health, port }), { applicationName: "test" });
    const source = pooledSource(pool);
    expect(await checkHealth({ ...about, source, folder })).toMatchObject({ status: "ok" });
    isFrozen = true;
    const startMs = performance.now();
    const report = await checkHealth({ ...about, source, folder });
    expect(performance.now() - startMs).toBeLessThan(3000);
    expect(report).toMatchObject({ status: "down", database: { reason: "db.timeout" } });
    await expect.poll(() => pool.figures().total, { interval: 5 }).toBe(0);
  });
});

test("a history that is locked is degraded, not down: the role's own lock timeout ends the wait", async () => {
  await using pool = createPool(async () => health, { applicationName: "test" });
  await using master = await connect(database.address, { applicationName: "test" });
  await master.client.query("begin; lock table drizzle.__drizzle_migrations in access exclusive mode");
  const report = await checkHealth({ ...about, source: pooledSource(pool), folder });
  expect(report).toMatchObject({ status: "degraded", database: { ok: true }, migrations: null });
});

describe("the function, as it is bundled", () => {
  type Handler = (event: unknown) => Promise<unknown>;
  let instances = 0;

  /** A fresh instance of the bundle, as a cold start has it, with this environment. */
  async function load(env: Readonly<Record<string, string>>): Promise<Handler> {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    instances += 1;
    const bundle = (await import(`${join(bundleDir, "index.mjs")}?${instances}`)) as { handler: Handler };
    return bundle.handler;
  }
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  test("tells a direct Invoke everything and the public only its status", async () => {
    await using stage = await startStage();
    const handler = await load(stage.env);
    const report = (await handler({ action: "health" })) as HealthReport;
    expect(report).toMatchObject({ status: "ok", database: { ok: true, tls: "TLSv1.3" } });
    expect(await handler({})).toEqual(report);

    const answer = (await handler(httpEvent("/api/health"))) as HttpResult;
    expect(answer.statusCode).toBe(200);
    const { service, time } = report;
    expect(JSON.parse(answer.body)).toStrictEqual({ status: "ok", service, stage: "test", time });
    expect(await handler(httpEvent("/api/health/database"))).toMatchObject({ statusCode: 404 });
  });

  test.each([
    [null],
    ["health"],
    [{ action: "migrate" }],
    [{ action: "health", runId: "x" }],
    [{ requestContext: {} }],
  ])("refuses the event %j", async (event) => {
    await using stage = await startStage();
    const handler = await load(stage.env);
    expect(await handler(event)).toMatchObject({ error: { code: "event.invalid" } });
  });

  test("picks up a rotated secret without a new deploy", async () => {
    await using stage = await startStage();
    vi.useFakeTimers({ toFake: ["performance"] });
    try {
      const handler = await load(stage.env);
      expect(await handler({})).toMatchObject({ status: "ok" });
      await using master = await connect(database.address, { applicationName: "test" });
      await setupRoles(master.client, {
        databaseName: database.name,
        readPasswords: async () => ({ ...passwords, health: "rotated" }),
      });
      await storeSecret(secrets, secretId, secretOf("rotated"), new Date());
      await master.client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postern_health'",
      );
      vi.advanceTimersByTime(5001); // the kept result grows old
      expect(await handler({})).toMatchObject({ status: "ok" });
      await setupRoles(master.client, { databaseName: database.name, readPasswords: async () => passwords });
    } finally {
      vi.useRealTimers();
    }
  });

  test("says and logs nothing of where the database is when it is down", async () => {
    await using stage = await startStage(1);
    const written: string[] = [];
    vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
    const handler = await load(stage.env);
    const answer = (await handler(httpEvent("/api/health"))) as HttpResult;
    expect(answer).toMatchObject({ statusCode: 503, headers: { "x-postern-reason": "tcp.refused" } });
    expect(JSON.parse(answer.body)).toMatchObject({ status: "down" });
    expect(written.join("")).toContain("tcp.refused");
    const said = JSON.stringify(answer) + written.join("");
    for (const secret of [database.address.host, "postern_health", database.name, passwords.health, " at "]) {
      expect(said).not.toContain(secret);
    }
  });

  test("a function that was deployed without its environment answers, and does not crash", async () => {
    const handler = await load({ [functionEnv.app]: "" });
    expect(await handler({})).toMatchObject({ error: { code: "config.invalid" } });
    expect(await handler(httpEvent("/api/health"))).toMatchObject({
      statusCode: 503,
      headers: { "x-postern-reason": "config.invalid" },
    });
  });
});

async function checkAt(port: number) {
  const address = { ...health, port };
  await using pool = createPool(async () => address, { applicationName: "test", connectTimeoutMs: 1500 });
  const startMs = performance.now();
  const report = await checkHealth({ ...about, source: pooledSource(pool), folder });
  expect(performance.now() - startMs).toBeLessThan(3000);
  expect(report).toMatchObject({ status: "down", migrations: null });
  expect(JSON.stringify(report)).not.toMatch(/127\.0\.0\.1|postern_health|\bat /);
  return report.database.reason;
}

function httpEvent(rawPath: string) {
  return { rawPath, rawQueryString: "", requestContext: { http: { method: "GET" } } };
}

function secretOf(password: string): string {
  return JSON.stringify({ username: "postern_health", password });
}

async function startStage(port = database.address.port): Promise<AsyncDisposable & { env: Record<string, string> }> {
  await storeSecret(secrets, secretId, secretOf(passwords.health), new Date());
  const credentials = { accessKeyId: `TEST${randomUUID()}`, secretAccessKey: randomUUID() };
  const region = "eu-central-1";
  const endpoint = await startAwsEndpoint({
    port: 0,
    onLog: () => {},
    credentials,
    region,
    accountId: "123456789012",
    secrets,
    parameters: new Map(),
    lambda: () => undefined,
    resources: () => noResources,
  });
  const env = {
    [functionEnv.app]: "postern",
    [functionEnv.stage]: "test",
    [functionEnv.databaseHost]: database.address.host,
    [functionEnv.databasePort]: String(port),
    [functionEnv.databaseName]: database.name,
    [functionEnv.caFile]: database.caFile,
    [functionEnv.healthSecret]: secretId,
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  return { env, [Symbol.asyncDispose]: async () => endpoint[Symbol.asyncDispose]() };
}
