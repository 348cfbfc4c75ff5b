import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openSchema } from "#lib/bundle/push.ts";
import { roleNames } from "#lib/contract.ts";
import { push } from "#lib/migrate/push/push.ts";
import { repositoryRoot } from "../../support/command-line.ts";
import { rolePasswords, useRolesBench } from "../../support/roles.ts";
import { openRun } from "../../support/run-connections.ts";

const schemaFile = join(repositoryRoot, "migrations", "schema.ts");

describe("on PostgreSQL 16, as the migrator, who is no superuser", () => {
  const bench = useRolesBench(16);

  test("the shop's schema is pushed, again without effect, and the application may use it", async () => {
    await bench.setup();
    await using schema = await openSchema(schemaFile, "/nowhere/renames.json");
    const login = { user: roleNames.migrator, password: rolePasswords.migrator };
    const run = async () => {
      const runId = randomUUID();
      await using connections = await openRun({ ...bench.database.address, ...login }, runId);
      return await push(connections, { kit: schema.kit, renames: schema.renames, runId, requestedBy: "test" });
    };
    expect(await run()).toMatchObject({ status: "pushed", findings: [] });
    expect(await run()).toMatchObject({ status: "up-to-date", statements: [] });
    const app = await bench.openAs("app");
    expect((await app.query("select count(*)::int as n from customers")).rows).toEqual([{ n: 0 }]);
  });
});
