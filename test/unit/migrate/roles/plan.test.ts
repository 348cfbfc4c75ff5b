import { expect, test } from "vitest";
import type { RoleFacts } from "#lib/migrate/roles/facts.ts";
import { planRoles } from "#lib/migrate/roles/plan.ts";

const fresh: RoleFacts = {
  serverVersion: 180_004,
  master: "master",
  isSuperuser: false,
  hasIam: false,
  mayGrantStats: true,
  hasStats: false,
  roles: [],
  schemas: [{ name: "public", owner: "pg_database_owner", isOurs: true }],
  objects: [],
};

function plan(facts: Partial<RoleFacts> = {}, schemas: readonly string[] = ["public"]) {
  return planRoles({
    facts: { ...fresh, ...facts },
    databaseName: "app",
    schemas,
    verifiers: { migrator: "SCRAM-SHA-256$m", app: "SCRAM-SHA-256$a", readonly: "SCRAM-SHA-256$r" },
  });
}

test("a server that setup does not support is refused before anything is planned", () => {
  expect(() => plan({ serverVersion: 150_008 })).toThrow("PostgreSQL 15");
});

test("a master without superuser lends itself the migrator's rights, and gives them back last", () => {
  const { statements } = plan();
  expect(statements.at(-1)).toBe('revoke "postern_migrator" from "master" granted by "master"');
  expect(plan({ isSuperuser: true }).statements.join("\n")).not.toContain('to "master"');
});

test("only roles that are missing are created, and each keeps the login that fits it", () => {
  const { statements, roles } = plan({ roles: ["postern_app"], hasIam: true });
  expect(statements).not.toContain('create role "postern_app"');
  expect(statements).toContain('create role "postern_health"');
  expect(roles.map(({ login }) => login)).toEqual(["password", "password", "none", "iam", "iam"]);
  expect(statements.join("\n")).not.toContain("SCRAM-SHA-256$r");
});

test("names that need quoting are quoted", () => {
  const { statements } = plan({ master: 'the "boss"' }, ["My Schema"]);
  expect(statements).toContain('create schema "My Schema" authorization "postern_migrator"');
  expect(statements.at(-1)).toContain('from "the ""boss"""');
});

test("a schema that the master has no say in is reported, and no statement names it", () => {
  const { statements, findings } = plan({ schemas: [{ name: "public", owner: "someone", isOurs: false }] });
  expect(findings).toEqual([{ code: "schema.foreign", message: expect.stringContaining("someone") }]);
  expect(statements.filter((statement) => statement.includes('"public"'))).toEqual([]);
});
