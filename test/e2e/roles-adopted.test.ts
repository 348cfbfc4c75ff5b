import { describe, expect, test } from "vitest";
import { type RoleKey, roleNames } from "#lib/contract.ts";
import { ensureLedger } from "#lib/migrate/ledger/ledger.ts";
import { setupRoles } from "#lib/migrate/roles/setup.ts";
import { createTestDatabase } from "../support/postgres.ts";
import { attempt, codesOf, master, readRolePasswords, roleKeys, useRolesBench } from "../support/roles.ts";

describe.each([16, 18] as const)(
  "adopting what was there before setup, on PostgreSQL %i, with a master as on RDS",
  (version) => {
    const bench = useRolesBench(version);
    const { open, openAs, asSuperuser, setup, closeAll } = bench;

    test("in an adopted database the migrator may alter the master's objects, and the master goes on working", async () => {
      const asMaster = await openAs("master");
      await asMaster.query(
        `create type mood as enum ('calm', 'busy');
       create table orders (id serial primary key, number bigint generated always as identity, mood mood);
       create table lines (order_id integer not null constraint lines_order_id_fkey references orders);
       create view calm_orders as select id from orders where mood = 'calm';
       create sequence tickets;
       create function greet(name text default 'you') returns text language sql as $$select 'hi ' || name$$;
       create procedure tidy() language sql as 'delete from lines';
       insert into orders (mood) values ('calm');
       create schema drizzle;
       create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`,
      );
      const result = await setup();
      expect(codesOf(result)).toEqual(["role.no-stats", "objects.adopted", "objects.adopted", "routines.closed"]);

      const migrator = await openAs("migrator");
      await migrator.query(
        `alter table orders add column note text;
       alter type mood add value 'lost';
       alter sequence tickets restart;
       create or replace view calm_orders as select id, mood from orders;
       create or replace function greet(name text default 'you') returns text language sql as $$select 'ho ' || name$$;
       insert into drizzle.__drizzle_migrations (hash) values ('x')`,
      );
      await ensureLedger(migrator);
      await asMaster.query(
        `insert into orders (mood) values ('busy'); select nextval('tickets'), greet(); call tidy();
       create table made_later (id integer)`,
      );
      const app = await openAs("app");
      await app.query("insert into orders (mood) values ('busy'); select nextval('tickets'), greet() from calm_orders");
      expect(codesOf(await setup())).toEqual(["role.no-stats", "objects.adopted"]);
      await migrator.query("alter table made_later add column note text");
    });

    test("objects of someone else are left alone and reported", async () => {
      await asSuperuser(
        `create role other; grant create on schema public to other; create schema theirs authorization other;
       set role other; create table public.alien (id integer); create table theirs.thing (id integer);
       create function public.open_to_all() returns void language sql as ''; reset role`,
      );
      const result = await setup();
      expect(codesOf(result)).toEqual(["role.no-stats", "objects.foreign"]);
      expect(result.findings[1]?.message).toContain("belong to other");
      expect(result.findings[1]?.message).toContain("go on executing public.open_to_all()");
      const { client } = await open(bench.database.address);
      const { rows } = await client.query("select tableowner from pg_tables where tablename in ('alien', 'thing')");
      expect(rows).toEqual([{ tableowner: "other" }, { tableowner: "other" }]);
      await asSuperuser("drop owned by other cascade");
    });

    test("a function that was there before setup, with its owner's rights, is not for health and readonly", async () => {
      const asMaster = await openAs("master");
      await asMaster.query(
        `create table orders (id integer);
       create function purge() returns void language sql security definer as 'delete from orders'`,
      );
      const { findings } = await setup();
      expect(findings).toContainEqual({ code: "routines.closed", message: expect.stringContaining("public.purge()") });
      const mayPurge: (RoleKey | "master")[] = [];
      for (const who of [...roleKeys, "master"] as const) {
        if ((await attempt(await openAs(who), "select public.purge()")) === undefined) mayPurge.push(who);
      }
      expect(mayPurge).toEqual(["migrator", "app", "operator", "master"]);
      expect(codesOf(await setup())).toEqual(["role.no-stats"]);
    });

    test("health may not use the application's schemas; in an adopted database others go on using public", async () => {
      await setup();
      const mayUse = "select has_schema_privilege('public', 'usage') as may";
      expect((await (await openAs("health")).query(mayUse)).rows).toEqual([{ may: false }]);
      await using adopted = await createTestDatabase(bench.server);
      await asSuperuser(`alter database ${adopted.name} owner to ${master.user}`);
      const asMaster = await openAs("master", adopted);
      await asMaster.query("create table orders (id integer)");
      await setupRoles(asMaster, { databaseName: adopted.name, readPasswords: readRolePasswords });
      await asMaster.query("create role other login password 'other'");
      const { client } = await open({ ...adopted.address, user: "other", password: "other" });
      expect((await client.query(mayUse)).rows).toEqual([{ may: true }]);
      await closeAll();
    });

    test("a schema that the migrator was given is put right by the next setup", async () => {
      await setup();
      await asSuperuser(
        `create schema shop; create table shop.items (id integer);
       alter schema shop owner to postern_migrator; alter table shop.items owner to postern_migrator`,
      );
      expect(await attempt(await openAs("app"), "insert into shop.items values (1)")).toBe("42501");
      await setup();
      await (await openAs("app")).query("insert into shop.items values (1)");
      expect(await attempt(await openAs("health"), "select from shop.items")).toBe("42501");
    });

    test("a role that was there with more than setup gives loses it, or is reported", async () => {
      await asSuperuser(
        `create role other; create role ${roleNames.app} createrole createdb bypassrls; grant other to ${roleNames.app};
         grant ${roleNames.app} to ${master.user} with admin option`,
      );
      const { findings } = await setup();
      expect(findings[0]).toEqual({
        code: "role.excess",
        message: expect.stringContaining(
          "postern_app was there and has more than setup gives it: BYPASSRLS, membership in other",
        ),
      });
      const { client } = await open(bench.database.address);
      const { rows } = await client.query(
        "select rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = 'postern_app'",
      );
      expect(rows).toEqual([{ rolcreaterole: false, rolcreatedb: false, rolbypassrls: true }]);
      await asSuperuser("alter role postern_app nobypassrls; revoke other from postern_app");
      expect(codesOf(await setup())).toEqual(["role.no-stats"]);
    });

    test("a role that was there and that the master may not alter is named, with what to do", async () => {
      await asSuperuser(`create role ${roleNames.readonly}`);
      await expect(setup()).rejects.toMatchObject({
        code: "db.permission",
        message: expect.stringContaining("postern_readonly"),
        hint: expect.stringContaining("grant postern_readonly to"),
      });
      await asSuperuser(`grant ${roleNames.readonly} to ${master.user} with admin option`);
      expect(codesOf(await setup())).toEqual(["role.no-stats"]);
    });
  },
);
