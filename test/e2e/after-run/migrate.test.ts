import { afterEach, beforeEach, expect, it } from "vitest";
import { connect } from "#lib/postgres/connect.ts";
import { runCommand } from "../../support/command-line.ts";
import { makeMigrationFolder, type TestFolder } from "../../support/migration-folder.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: TestFolder;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase());
  folder = stack.use(await makeMigrationFolder());
});
afterEach(async () => stack.disposeAsync());

const migrate = async (...flags: string[]) =>
  runCommand(["migrate", "--url", database.url(), "--dir", folder.dir, ...flags]);

it("a run that applied something says what the schema is like, prints it and keeps it in the ledger", async () => {
  await folder.write(["create table t (n int); alter table t add constraint t_n_check check (n > 0) not valid"]);
  const { stdout, exitCode } = await migrate();
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^! .*t_n_check.*\[constraint\.not-validated\]$/mu);
  expect(stdout).toMatch(/^schema [0-9a-f]{12} [0-9a-f]{52}$/mu);
  await using connection = await connect(database.address, { applicationName: "test" });
  const { rows } = await connection.client.query("select result -> 'after' as after from postern.runs");
  expect(rows).toEqual([
    {
      after: {
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/u),
        findings: [expect.objectContaining({ code: "constraint.not-validated" })],
      },
    },
  ]);
});

it("a run that found nothing to do does not look", async () => {
  await folder.write(["create table t ()"]);
  expect((await migrate("--json")).json()).toHaveProperty("after");
  expect((await migrate("--json")).json()).not.toHaveProperty("after");
});
