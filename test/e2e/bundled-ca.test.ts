import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildFunctions } from "#lib/bundle/build.ts";
import type { AuthoritySource } from "#lib/bundle/authorities.ts";
import { functionEnv } from "#lib/contract.ts";
import { startAwsEndpoint } from "#lib/local/aws/endpoint.ts";
import { noResources } from "#lib/local/aws/resources.ts";
import { createMemorySecretStore, storeSecret } from "#lib/local/aws/secret-store.ts";
import { startLambdaHost } from "#lib/local/lambda/host.ts";
import { connect } from "#lib/postgres/connect.ts";
import { makeCertificateChain } from "../support/certificate-chain.ts";
import { repositoryRoot } from "../support/command-line.ts";
import { createTestDatabase, startTestServer, type TestDatabase } from "../support/postgres.ts";

/** A real server that shows a chain as RDS has them, and the function as it is deployed: without POSTERN_CA_FILE. */
const stack = new AsyncDisposableStack();
const secretId = "postern/test/health";
let database: TestDatabase;
let workDir: string;
let rdsCaFile: string;
let env: Record<string, string>;

beforeAll(async () => {
  workDir = stack.adopt(await mkdtemp(join(tmpdir(), "postern-test-")), async (dir) => rm(dir, { recursive: true }));
  rdsCaFile = join(workDir, "rds.pem");
  const server = stack.use(await startTestServer());
  // Goes with its server: whoever drops it would have to trust the certificate that the server has by then.
  database = await createTestDatabase(server);
  const chain = await makeCertificateChain("Amazon RDS test-1 Root CA ECC384 G1", [database.address.host]);
  await writeFile(rdsCaFile, chain.rootPem);
  await useCertificate(server.dataDir, chain);
  env = await openStage();
});
afterAll(async () => await stack.disposeAsync());

describe("the function accepts the server's certificate", () => {
  test("when the chain ends at a root in the bundle's ca.pem", async () => {
    expect(await healthOf({ rdsCaFile })).toMatchObject({ database: { ok: true, tls: "TLSv1.3" } });
  });
});

describe("the function refuses the server's certificate as that of an unknown CA", () => {
  test("when ca.pem holds the roots of a region, of which none is the chain's", async () => {
    expect(await healthOf({ region: "eu-central-1" })).toMatchObject(refused);
  });

  test("when ca.pem holds a root of the same name with another key", async () => {
    const other = await makeCertificateChain("Amazon RDS test-1 Root CA ECC384 G1", ["elsewhere"]);
    const file = join(workDir, "other.pem");
    await writeFile(file, other.rootPem);
    expect(await healthOf({ rdsCaFile: file })).toMatchObject(refused);
  });

  test("when there is no ca.pem, for the root is none of Node's", async () => {
    expect(await healthOf({})).toMatchObject(refused);
  });
});

const refused = { status: "down", database: { ok: false, reason: "cert.unknown-ca" } };

/** Builds health for these CAs and asks it, under AWS's runtime client. */
async function healthOf(source: AuthoritySource): Promise<unknown> {
  const outDir = await mkdtemp(join(workDir, "bundles-"));
  const { parts } = await buildFunctions({ root: repositoryRoot, outDir, parts: ["health"], ...source });
  const config = { name: "health", bundleDir: parts.health.dir, handler: "index.handler", env, timeoutMs: 20_000 };
  await using host = await startLambdaHost({ functions: [config], onLog: () => {} });
  const { payload } = await host.invoke("health", JSON.stringify({ action: "health" }));
  return JSON.parse(Buffer.from(payload).toString()) as unknown;
}

/** The server reads its certificate anew; the connection that asks for it still sees the one before. */
async function useCertificate(dataDir: string, chain: { readonly serverPem: string; readonly serverKey: string }) {
  await using session = await connect(database.address, { applicationName: "test" });
  await writeFile(join(dataDir, "server", "server.pem"), chain.serverPem);
  await writeFile(join(dataDir, "server", "server.key"), chain.serverKey);
  await session.client.query("select pg_reload_conf()");
}

async function openStage(): Promise<Record<string, string>> {
  const credentials = { accessKeyId: `TEST${randomUUID()}`, secretAccessKey: randomUUID() };
  const region = "eu-central-1";
  const secrets = createMemorySecretStore();
  const { host, port, user: username, password } = database.address;
  await storeSecret(secrets, secretId, JSON.stringify({ username, password }), new Date());
  const endpoint = stack.use(
    await startAwsEndpoint({
      port: 0,
      onLog: () => {},
      credentials,
      region,
      accountId: "123456789012",
      secrets,
      parameters: new Map(),
      lambda: () => undefined,
      resources: () => noResources,
    }),
  );
  return {
    [functionEnv.app]: "postern",
    [functionEnv.stage]: "test",
    [functionEnv.databaseHost]: host,
    [functionEnv.databasePort]: String(port),
    [functionEnv.databaseName]: database.name,
    [functionEnv.healthSecret]: secretId,
    AWS_ENDPOINT_URL: endpoint.url,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
}
