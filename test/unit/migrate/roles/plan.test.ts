import { expect, test } from "vitest";
import type { ExistingRole, RoleFacts } from "#lib/migrate/roles/facts.ts";
import { planRoles } from "#lib/migrate/roles/plan.ts";

const fresh: RoleFacts = {
  serverVersion: 180_004,
  master: "master",
  isSuperuser: false,
  masterAttributes: ["createrole", "createdb"],
  hasIam: false,
  mayGrantStats: true,
  hasStats: false,
  roles: [],
  schemas: [{ name: "public", owner: "pg_database_owner", isOurs: true, isEmpty: true }],
  objects: [],
};

function plan(facts: Partial<RoleFacts> = {}) {
  return planRoles({
    facts: { ...fresh, ...facts },
    databaseName: "app",
    verifiers: { migrator: "SCRAM-SHA-256$m", app: "SCRAM-SHA-256$a", readonly: "SCRAM-SHA-256$r" },
  });
}

const existing: ExistingRole = { name: "postern_app", isAdministered: true, attributes: [], memberOf: [] };

test("a server that setup does not support is refused before anything is planned", () => {
  expect(() => plan({ serverVersion: 150_008 })).toThrow("PostgreSQL 15");
});

test("a master without superuser lends itself the migrator's rights, and gives them back last", () => {
  const { statements } = plan();
  expect(statements.at(-1)).toBe('revoke "postern_migrator" from "master" granted by "master"');
  expect(plan({ isSuperuser: true }).statements.join("\n")).not.toContain('to "master"');
});

test("only roles that are missing are created, and each keeps the login that fits it", () => {
  const { statements, roles } = plan({ roles: [existing], hasIam: true });
  expect(statements).not.toContain('create role "postern_app"');
  expect(statements).toContain('create role "postern_health"');
  expect(roles.map(({ login }) => login)).toEqual(["password", "password", "none", "iam", "iam"]);
  expect(statements.join("\n")).not.toContain("SCRAM-SHA-256$r");
});

test("names that need quoting are quoted", () => {
  const ours = { name: "My Schema", owner: "postern_migrator", isOurs: true, isEmpty: false };
  const { statements } = plan({ master: 'the "boss"', schemas: [ours] });
  expect(statements).toContain('revoke create on schema "My Schema" from public');
  expect(statements.at(-1)).toContain('from "the ""boss"""');
});

test("a schema is made the migrator's where it is missing, and is the application's where it is", () => {
  const ours = { name: "billing", owner: "postern_migrator", isOurs: true, isEmpty: false };
  const { statements } = plan({ schemas: [ours] });
  expect(statements).toContain('create schema "public" authorization "postern_migrator"');
  expect(statements).not.toContain('create schema "billing" authorization "postern_migrator"');
  expect(statements).toContain(
    'grant usage on schema "billing" to "postern_app", "postern_operator", "postern_readonly"',
  );
});

test("the bookkeeping schemas are never the application's, although the migrator owns them", () => {
  const schemas = ["postern", "drizzle"].map((name) => ({
    name,
    owner: "postern_migrator",
    isOurs: true,
    isEmpty: true,
  }));
  const granted = plan({ schemas }).statements.filter((one) => /"(postern|drizzle)" to .*"postern_app"/.test(one));
  expect(granted).toEqual([]);
});

test("PUBLIC loses USAGE on a schema that is taken over empty, and keeps it on one that is in use", () => {
  const revoke = 'revoke usage on schema "public" from public';
  expect(plan().statements).toContain(revoke);
  const inUse = { name: "public", owner: "pg_database_owner", isOurs: true, isEmpty: false };
  expect(plan({ schemas: [inUse] }).statements).not.toContain(revoke);
});

test("an existing role loses the attributes that the master may take, and the others are reported", () => {
  const role: ExistingRole = {
    ...existing,
    attributes: ["createrole", "createdb", "replication", "bypassrls"],
    memberOf: ["pg_write_all_data"],
  };
  const { statements, findings } = plan({ roles: [role] });
  expect(statements).toContain('alter role "postern_app" nocreaterole nocreatedb');
  expect(findings).toEqual([
    {
      code: "role.excess",
      message: expect.stringContaining("REPLICATION, BYPASSRLS, membership in pg_write_all_data"),
    },
  ]);
  const bySuperuser = plan({ roles: [{ ...role, attributes: ["superuser"], memberOf: [] }], isSuperuser: true });
  expect(bySuperuser.statements).toContain('alter role "postern_app" nosuperuser');
  expect(bySuperuser.findings).toEqual([]);
});

test("memberships that setup gives are no excess", () => {
  const migrator = { ...existing, name: "postern_migrator", memberOf: ["pg_read_all_stats"] };
  const readonly = { ...existing, name: "postern_readonly", memberOf: ["rds_iam"] };
  expect(plan({ roles: [migrator, readonly] }).findings).toEqual([]);
});

test("a role that the master may not alter is refused by name, with what to do", () => {
  expect(() => plan({ roles: [{ ...existing, isAdministered: false }] })).toThrow(
    expect.objectContaining({
      code: "db.permission",
      message: expect.stringContaining("postern_app"),
      hint: expect.stringContaining("with admin option"),
    }),
  );
  expect(() => plan({ roles: [{ ...existing, attributes: ["superuser"] }] })).toThrow("postern_app is a superuser");
});

test("a schema that the master has no say in is reported, and no statement names it", () => {
  const { statements, findings } = plan({
    schemas: [{ name: "public", owner: "someone", isOurs: false, isEmpty: false }],
  });
  expect(findings).toEqual([{ code: "schema.foreign", message: expect.stringContaining("someone") }]);
  expect(statements.filter((statement) => statement.includes('"public"'))).toEqual([]);
});
