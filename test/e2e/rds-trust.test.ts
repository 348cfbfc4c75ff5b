import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommand } from "../support/command-line.ts";
import { createTestDatabase, startTestServer, type TestDatabase } from "../support/postgres.ts";

const rdsHost = "mydb.c9akciq32abc.eu-central-1.rds.amazonaws.com";
const newRegionHost = "mydb.c9akciq32abc.il-central-1.rds.amazonaws.com";
const otherHost = "db.example";

/** A server whose certificate has the names of RDS, but is of a CA that only whoever asks for it trusts. */
const stack = new AsyncDisposableStack();
let database: TestDatabase;
beforeAll(async () => {
  const server = stack.use(await startTestServer({ names: [rdsHost, newRegionHost, otherHost] }));
  database = stack.use(await createTestDatabase(server));
});
afterAll(async () => await stack.disposeAsync());

/** `status` at this host, whose socket goes to the test's server, where that CA is one of Node's roots. */
async function statusAt(host: string, parameters = "", args: readonly string[] = []) {
  const { port, user, password = "" } = database.address;
  const url = `postgres://${user}@${host}:${port}/${database.name}?hostaddr=127.0.0.1${parameters}`;
  const env = { PGPASSWORD: password, NODE_EXTRA_CA_CERTS: database.caFile };
  return await runCommand(["status", "--url", url, ...args], { env });
}

describe("without --ca, at a host of RDS", () => {
  test("the roots of RDS and Amazon are trusted, and not Node's: who has another CA's certificate is refused", async () => {
    const { exitCode, stderr } = await statusAt(rdsHost);
    expect(stderr).toMatch(/^target: .* from here, trusting RDS in eu-central-1\n.*\[cert\.unknown-ca\]/u);
    expect(exitCode).toBe(2);
  });

  test("Node's roots are trusted in a region whose RDS roots are not known, and that is said", async () => {
    const { exitCode, stderr } = await statusAt(newRegionHost);
    expect(stderr).toContain("the RDS CAs of il-central-1 are not known: name them with --ca");
    expect(exitCode).toBe(0);
  });

  test("Node's roots are trusted when the URL says sslrootcert=system", async () => {
    const { exitCode, stderr } = await statusAt(rdsHost, "&sslrootcert=system");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.not.stringContaining("RDS") });
  });
});

test("--ca is all that is trusted, at a host of RDS too", async () => {
  const { exitCode, stderr } = await statusAt(rdsHost, "", ["--ca", database.caFile]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.not.stringContaining("RDS") });
});

test("elsewhere Node's roots are trusted as before, and no word is said of it", async () => {
  const { exitCode, stderr } = await statusAt(otherHost);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: expect.stringMatching(/ from here\n/u) });
});
