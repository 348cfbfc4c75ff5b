import { execFileSync } from "node:child_process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { type AddressProvider, createPool, type DatabasePool, type PoolOptions } from "#lib/postgres/pool.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let pool: DatabasePool;
/** A role of this test alone: roles belong to the whole server. */
let role: string;
/** What the provider was asked, and the password it answers with. */
let requests: boolean[];
let password: string;

beforeEach(async () => {
  database = await createTestDatabase();
  role = `${database.name}_reader`;
  requests = [];
  password = "first";
  await asSuperuser(`create role ${role} login password 'first'`);
  pool = poolOf();
});
afterEach(async () => {
  await pool.close();
  await asSuperuser(`drop role ${role}`);
  await database[Symbol.asyncDispose]();
});

const provide: AddressProvider = async ({ refresh }) => {
  requests.push(refresh);
  return await Promise.resolve<DatabaseAddress>({ ...database.address, user: role, password });
};

function poolOf(options: Partial<PoolOptions> = {}, provider: AddressProvider = provide): DatabasePool {
  return createPool(provider, { applicationName: `${database.name} pool`, ...options });
}

async function asSuperuser(statement: string): Promise<number | null> {
  await using connection = await connect(database.address, { applicationName: "pool test" });
  return (await connection.client.query(statement)).rowCount;
}

async function endSessions(): Promise<void> {
  await asSuperuser(
    `select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = '${database.name} pool'`,
  );
}

/** Synchronously, in another process: nothing here notices before the next query is on its way. */
function endSessionsWhileFrozen(): void {
  const { host, port, user, password: secret } = database.address;
  const script = `
    import pg from "pg";
    const client = new pg.Client({ ...JSON.parse(process.env.LOGIN), ssl: { rejectUnauthorized: false } });
    await client.connect();
    await client.query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = $1", [
      process.env.NAME,
    ]);
    await client.end();`;
  const login = { host, port, user, password: secret, database: "postgres" };
  execFileSync(process.execPath, ["--input-type=module", "--eval", script], {
    env: { LOGIN: JSON.stringify(login), NAME: `${database.name} pool` },
  });
}

const ask = async (from: DatabasePool = pool) => (await from.query<{ one: number }>("select 1 as one")).rows[0]?.one;

describe("the pool", () => {
  test("opens nothing before it is used, then keeps its connection", async () => {
    expect(pool.figures()).toEqual({ total: 0, idle: 0, waiting: 0 });
    expect(requests).toEqual([]);
    expect(await ask()).toBe(1);
    expect(await ask()).toBe(1);
    expect(pool.figures()).toEqual({ total: 1, idle: 1, waiting: 0 });
    expect(requests).toEqual([false]);
  });

  test("lends a connection that knows its TLS version", async () => {
    expect(await pool.use(async (client) => await Promise.resolve(client.tlsVersion))).toBe("TLSv1.3");
  });

  test("asks for the password again when it was rotated, once for all who were refused", async () => {
    expect(await ask()).toBe(1);
    await asSuperuser(`alter role ${role} password 'second'`);
    password = "second";
    await endSessions();
    expect(await Promise.all([ask(), ask(), ask()])).toEqual([1, 1, 1]);
    expect(requests).toEqual([false, true]);
  });

  test("reports a password that stays wrong, after one refresh", async () => {
    password = "wrong";
    await expect(ask()).rejects.toMatchObject({ code: "auth.rejected", sqlState: "28P01" });
    expect(requests).toEqual([false, true]);
    password = "first";
    expect(await ask()).toBe(1);
  });

  test("replaces connections that died while idle, without the caller noticing", async () => {
    await Promise.all([ask(), ask()]);
    expect(pool.figures().total).toBe(2);
    await endSessions();
    expect(await ask()).toBe(1);
  });

  test("gets over connections that died while the process was frozen, as a Lambda is between two events", async () => {
    await Promise.all([ask(), ask()]);
    endSessionsWhileFrozen();
    expect(await ask()).toBe(1);
  });

  test("asks a provider that failed anew at the next use", async () => {
    let calls = 0;
    await using failing = poolOf({}, async (request) => {
      calls += 1;
      if (calls === 1) throw new Error("no secret yet");
      return await provide(request);
    });
    await expect(ask(failing)).rejects.toThrow("no secret yet");
    expect(await ask(failing)).toBe(1);
  });

  test("counts who waits, and an abort ends the waiting and the query", async () => {
    await using narrow = poolOf({ maxConnections: 1 });
    const stop = new AbortController();
    const slow = narrow.use(async (client) => await client.query("select pg_sleep(60)"), { signal: stop.signal });
    await expect.poll(() => narrow.figures().total).toBe(1);
    const waiting = narrow.use(async () => await Promise.resolve(), { signal: stop.signal });
    await expect.poll(() => narrow.figures().waiting).toBe(1);
    stop.abort();
    await expect(slow).rejects.toMatchObject({ code: "aborted" });
    await expect(waiting).rejects.toMatchObject({ code: "aborted" });
    expect(await ask(narrow)).toBe(1);
  });

  test("gives a failed statement's connection to nobody else", async () => {
    await expect(pool.query("select no_such_column")).rejects.toMatchObject({ code: "db.failed", sqlState: "42703" });
    expect(pool.figures()).toMatchObject({ idle: 0 });
    expect(await ask()).toBe(1);
  });

  test("leaves no session behind when it is closed", async () => {
    await Promise.all([ask(), ask()]);
    await pool.close();
    const sessions = `select from pg_stat_activity where application_name = '${database.name} pool'`;
    await expect.poll(async () => await asSuperuser(sessions)).toBe(0);
  });
});
