import { rootCertificates } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { PosternError } from "#lib/base/errors.ts";
import { startPostgresServer, superuserAddress } from "#lib/local/postgres/server.ts";
import { type DatabaseAddress, parseDatabaseUrl, type SslMode, sslModes } from "#lib/postgres/address.ts";
import { type Connection, connect, type ConnectOptions } from "#lib/postgres/connect.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { createTestDatabase, type OwnTestServer, startTestServer, type TestDatabase } from "../../support/postgres.ts";

const strangersCa = [rootCertificates[0] ?? ""];
let withTls: OwnTestServer;
let withoutTls: OwnTestServer;
let database: TestDatabase;
let plainDatabase: TestDatabase;

beforeAll(async () => {
  withTls = await startTestServer({ names: ["db.example"] });
  withoutTls = await startTestServer({ tls: "off" });
  database = await createTestDatabase(withTls);
  plainDatabase = await createTestDatabase(withoutTls);
});
afterAll(async () => {
  await withTls[Symbol.asyncDispose]();
  await withoutTls[Symbol.asyncDispose]();
});
afterEach(() => {
  vi.unstubAllEnvs();
});

async function open(address: DatabaseAddress, options: Partial<ConnectOptions> = {}): Promise<Connection> {
  return await connect(address, { applicationName: "connect test", retry: false, connectTimeoutMs: 5000, ...options });
}

/** "TLSv1.3", "plain", or the code of what stood in the way. */
async function outcome(address: DatabaseAddress): Promise<string> {
  try {
    await using connection = await open(address);
    await connection.client.query("select 1");
    return connection.tlsVersion ?? "plain";
  } catch (error) {
    return (error as PosternError).code;
  }
}

async function failure(address: DatabaseAddress, options: Partial<ConnectOptions> = {}): Promise<PosternError> {
  return await open(address, options).then(
    async (connection) => {
      await connection.close();
      throw new Error("It connected.");
    },
    (error: PosternError) => error,
  );
}

function without<Key extends keyof DatabaseAddress>(address: DatabaseAddress, key: Key): Omit<DatabaseAddress, Key> {
  const { [key]: _, ...rest } = address;
  return rest;
}

describe("each sslmode against a server that takes only TLS", () => {
  type Expected = Record<SslMode, string>;
  const cases: readonly (readonly [string, (address: DatabaseAddress) => DatabaseAddress, Expected])[] = [
    [
      "with its CA",
      (address) => address,
      {
        disable: "tls.required",
        prefer: "TLSv1.3",
        require: "TLSv1.3",
        "verify-ca": "TLSv1.3",
        "verify-full": "TLSv1.3",
      },
    ],
    [
      "without a CA: Node's roots do not know its one",
      (address) => without(address, "ca"),
      {
        disable: "tls.required",
        prefer: "TLSv1.3",
        require: "TLSv1.3",
        "verify-ca": "cert.unknown-ca",
        "verify-full": "cert.unknown-ca",
      },
    ],
    [
      "with another CA, which every mode then checks",
      (address) => ({ ...address, ca: strangersCa }),
      {
        disable: "tls.required",
        prefer: "cert.unknown-ca",
        require: "cert.unknown-ca",
        "verify-ca": "cert.unknown-ca",
        "verify-full": "cert.unknown-ca",
      },
    ],
    [
      "under a name that is not in its certificate",
      (address) => ({ ...address, servername: "other.example" }),
      {
        disable: "tls.required",
        prefer: "TLSv1.3",
        require: "TLSv1.3",
        "verify-ca": "TLSv1.3",
        "verify-full": "cert.wrong-host",
      },
    ],
  ];

  test.each(cases)("%s", async (_, change, expected) => {
    const outcomes: [SslMode, string][] = [];
    for (const sslMode of sslModes) outcomes.push([sslMode, await outcome(change({ ...database.address, sslMode }))]);
    expect(Object.fromEntries(outcomes)).toEqual(expected);
  });

  test.each(["127.0.0.1", "localhost"])("servername is what is verified when the socket goes to %s", async (host) => {
    expect(await outcome({ ...database.address, host, servername: "db.example" })).toBe("TLSv1.3");
    expect(await outcome({ ...database.address, host, servername: "other.example" })).toBe("cert.wrong-host");
    expect(await outcome({ ...database.address, host, servername: "10.0.0.1" })).toBe("cert.wrong-host");
  });

  test("a certificate for another host is reported with both names", async () => {
    const error = await failure({ ...database.address, servername: "other.example" });
    expect(error.message).toMatch(/the server's certificate is for .*DNS:db\.example.*, not for other\.example\.$/);
  });

  test("the URL's sslmode does not drop the CA", async () => {
    const address = await parseDatabaseUrl(database.url());
    expect(address).toMatchObject({ sslMode: "verify-full" });
    expect(await outcome(address)).toBe("TLSv1.3");
  });

  test("variables of the environment neither weaken TLS nor replace the password", async () => {
    vi.stubEnv("PGSSLMODE", "disable");
    vi.stubEnv("PGSSLNEGOTIATION", "direct");
    vi.stubEnv("PGPASSWORD", withTls.password);
    expect(await outcome(database.address)).toBe("TLSv1.3");
    expect(await outcome(without(database.address, "password"))).toBe("auth.rejected");
  });

  test("no variable that libpq or node-postgres knows changes the session", async () => {
    const undisturbed = await readSession();
    for (const [name, value] of Object.entries(strayVariables)) vi.stubEnv(name, value);
    expect(await readSession()).toEqual(undisturbed);
  });
});

/** Every setting that the client or its connection has a say in, and who and where it is. */
async function readSession(): Promise<unknown[]> {
  await using connection = await open(database.address);
  const { rows } = await connection.client.query<Record<string, unknown>>(
    `select name, setting, source from pg_settings
       where source in ('client', 'database', 'user', 'session') or name in ('statement_timeout', 'lock_timeout', 'TimeZone',
         'DateStyle', 'client_encoding', 'search_path', 'geqo', 'session_replication_role')
     union all select 'who and where', concat_ws(' ', current_user, current_database(), inet_server_port()), ssl::text
       from pg_stat_ssl where pid = pg_backend_pid()
     order by 1`,
  );
  return rows;
}

/** https://www.postgresql.org/docs/current/libpq-envars.html, and those that only node-postgres makes up (PG + its option). */
const strayVariables = {
  PGHOST: "stray.invalid",
  PGHOSTADDR: "192.0.2.1",
  PGPORT: "1",
  PGDATABASE: "stray",
  PGUSER: "stray",
  PGPASSWORD: "stray",
  PGPASSFILE: "/nonexistent",
  PGSERVICE: "stray",
  PGOPTIONS: "-c statement_timeout=1234 -c search_path=stray -c session_replication_role=replica",
  PGREPLICATION: "database",
  PGAPPNAME: "stray",
  PGSSLMODE: "disable",
  PGSSLNEGOTIATION: "direct",
  PGSSLROOTCERT: "/nonexistent",
  PGSSLCERT: "/nonexistent",
  PGSSLKEY: "/nonexistent",
  PGREQUIRESSL: "0",
  PGCHANNELBINDING: "disable",
  PGREQUIREAUTH: "none",
  PGTARGETSESSIONATTRS: "standby",
  PGCONNECT_TIMEOUT: "1",
  PGCLIENTENCODING: "LATIN1",
  PGCLIENT_ENCODING: "latin1",
  PGBINARY: "1",
  PGDATESTYLE: "German",
  PGTZ: "Asia/Tokyo",
  PGGEQO: "off",
} as const;

test("each sslmode against a server without TLS: only those that say so go on in the clear", async () => {
  const outcomes: [SslMode, string][] = [];
  for (const sslMode of sslModes) outcomes.push([sslMode, await outcome({ ...plainDatabase.address, sslMode })]);
  expect(Object.fromEntries(outcomes)).toEqual({
    disable: "plain",
    prefer: "plain",
    require: "tls.refused",
    "verify-ca": "tls.refused",
    "verify-full": "tls.refused",
  });
});

describe("what the server refuses", () => {
  test("a wrong password, which the message does not repeat", async () => {
    const error = await failure({ ...database.address, password: "not-this-one" });
    expect(error).toMatchObject({ code: "auth.rejected", sqlState: "28P01" });
    expect(JSON.stringify(error.toDocument())).not.toContain("not-this-one");
  });

  test("no password at all", async () => {
    const error = await failure(without(database.address, "password"));
    expect(error.code).toBe("auth.rejected");
    expect(error.message).toContain("none was given");
  });

  test("a database that does not exist", async () => {
    const error = await failure({ ...database.address, database: "absent" });
    expect(error).toMatchObject({ code: "db.missing", sqlState: "3D000" });
  });

  test("one connection too many", async () => {
    await using connection = await open(database.address);
    await connection.client.query("create role narrow login connection limit 0 password 'narrow'");
    const error = await failure({ ...database.address, user: "narrow", password: "narrow" });
    expect(error).toMatchObject({ code: "db.too-many-connections", sqlState: "53300" });
  });
});

describe("a session", () => {
  test("carries its name and its timeouts", async () => {
    await using connection = await open(
      { ...database.address, applicationName: "ci" },
      {
        applicationName: "postern run 1",
        statementTimeoutMs: 50,
        lockTimeoutMs: 2000,
        idleInTransactionTimeoutMs: 3000,
      },
    );
    const { rows } = await connection.client.query(
      `select current_setting('application_name') as name, current_setting('statement_timeout') as statement,
         current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle`,
    );
    expect(rows).toEqual([{ name: "postern run 1 (ci)", statement: "50ms", lock: "2s", idle: "3s" }]);
    const slow = connection.client.query("select pg_sleep(10)");
    const error = await slow.catch((reason: unknown) => toDatabaseError(reason, "sleeping"));
    expect(error).toMatchObject({ code: "db.timeout" });
  });

  test("is gone from the server after close", async () => {
    const connection = await open(database.address, { applicationName: "short visit" });
    await connection.close();
    await using other = await open(database.address);
    await expect.poll(async () => await sessionsNamed(other, "short visit")).toBe(0);
  });

  test("that the server ends while idle fails the next query, not the process", async () => {
    await using connection = await open(database.address, { applicationName: "victim" });
    await using other = await open(database.address);
    await other.client.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim'",
    );
    await expect.poll(async () => await sessionsNamed(other, "victim")).toBe(0);
    const error = await connection.client
      .query("select 1")
      .catch((reason: unknown) => toDatabaseError(reason, "asking"));
    expect(["endpoint.closed", "db.unavailable"]).toContain((error as PosternError).code);
  });

  test("that an abort ends while it is being opened leaves nothing on the server", async () => {
    await using other = await open(database.address);
    for (let turn = 0; turn < 10; turn += 1) {
      const stop = new AbortController();
      const attempt = open(database.address, { applicationName: "aborted early", signal: stop.signal });
      setTimeout(() => stop.abort(), turn);
      await attempt.then(
        async (connection) => await connection.close(),
        () => {},
      );
    }
    await expect.poll(async () => await sessionsNamed(other, "aborted early")).toBe(0);
  });
});

async function sessionsNamed(connection: Connection, name: string): Promise<number> {
  const { rowCount } = await connection.client.query("select from pg_stat_activity where application_name = $1", [
    name,
  ]);
  return rowCount ?? 0;
}

test("a server that comes back is found by the retries; one that stays away is given up", async () => {
  await using server = await startTestServer();
  const address = superuserAddress(server);
  await using before = await open(address);
  const interrupted = before.client.query("select pg_sleep(60)").catch((error: unknown) => toDatabaseError(error, "x"));
  await server.stop();
  expect(["endpoint.closed", "db.unavailable"]).toContain(((await interrupted) as PosternError).code);
  expect((await failure(address, { retry: { maxAttempts: 2, initialDelayMs: 1 } })).code).toBe("tcp.refused");

  const waiting = open(address, { retry: { maxAttempts: 200, initialDelayMs: 20, maxDelayMs: 200 } });
  await using _again = await startPostgresServer({ dataDir: server.dataDir, port: server.port, durable: false });
  await using after = await waiting;
  expect(after.tlsVersion).toBe("TLSv1.3");
});
