import type { StepName } from "#lib/doctor/evidence.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import { between, type LabFault } from "../fault.ts";

type Scene = {
  readonly role: string;
  readonly database: string;
  readonly random: SeededRandom;
  readonly ask: (sql: string) => Promise<unknown>;
};

/** What a real server refuses to a role, each with a role and a database of its own. */
export const roleFaults: readonly LabFault[] = [
  role("a role as it should be", "ok", undefined, async () => ({})),
  role("a wrong password", "auth.rejected", "auth", async ({ random }) => ({
    password: random.bytes(9).toString("hex"),
  })),
  role("no password", "auth.no-password", "auth", async () => ({ password: "" })),
  role("a role that does not exist", "auth.rejected", "auth", async ({ role: name }) => ({ user: `${name}_gone` })),
  role("a password that has run out", "auth.rejected", "auth", async ({ role: name, ask }) => {
    await ask(`alter role ${name} valid until '2001-01-01'`);
    return {};
  }),
  role("a verifier of MD5 where SCRAM is asked for", "auth.rejected", "auth", async ({ role: name, ask }) => {
    await ask(`set password_encryption = 'md5'; alter role ${name} password 'of the lab'`);
    return {};
  }),
  role("NOLOGIN", "auth.no-login", "ready", async ({ role: name, ask }) => {
    await ask(`alter role ${name} nologin`);
    return {};
  }),
  role("a database that does not exist", "db.missing", "ready", async ({ database }) => ({
    database: `${database}_gone`,
  })),
  role("no CONNECT", "db.no-connect-privilege", "ready", async ({ database, ask }) => {
    await ask(`revoke connect on database ${database} from public`);
    return {};
  }),
  role("no connection left for the role", "db.too-many-connections", "ready", async ({ role: name, ask }) => {
    await ask(`alter role ${name} connection limit 0`);
    return {};
  }),
  role("no connection left for the database", "db.too-many-connections", "ready", async ({ database, ask }) => {
    await ask(`alter database ${database} connection limit 0`);
    return {};
  }),
  role("few connections for the role", "parallel.limit", "parallel", async ({ role: name, random, ask }) => {
    await ask(`alter role ${name} connection limit ${between(random, 1, 3)}`);
    return {};
  }),
  role("just enough connections for the role", "ok", undefined, async ({ role: name, ask }) => {
    await ask(`alter role ${name} connection limit 4`);
    return {};
  }),
  role("a role whose transactions read by default", "ok", undefined, async ({ role: name, ask }) => {
    await ask(`alter role ${name} set default_transaction_read_only to on`);
    return {};
  }),
  role("no TLS where it is required", "tls.required", undefined, async () => ({ sslMode: "disable" })),
];

function role(
  name: string,
  code: string,
  strikes: StepName | undefined,
  change: (scene: Scene) => Promise<Partial<DatabaseAddress>>,
): LabFault {
  return {
    name: `role: ${name}`,
    expected: [code],
    ...(strikes === undefined ? {} : { strikes }),
    open: async ({ address }, random) => {
      const own = `lab_${random.bytes(8).toString("hex")}_${process.hrtime.bigint()}`;
      const password = "of the lab";
      await using stack = new AsyncDisposableStack();
      const { client } = stack.use(await connect(address, { applicationName: "lab" }));
      const ask = async (sql: string) => client.query(sql);
      await ask(`create role ${quoteIdentifier(own)} login password ${quoteLiteral(password)}`);
      stack.defer(async () => void (await ask(`drop role ${quoteIdentifier(own)}`)));
      await ask(`create database ${quoteIdentifier(own)}`);
      stack.defer(async () => void (await ask(`drop database ${quoteIdentifier(own)} with (force)`)));
      const changed = await change({ role: own, database: own, random, ask });
      const opened = stack.move();
      return {
        address: { ...address, user: own, database: own, password, ...changed },
        [Symbol.asyncDispose]: async () => opened.disposeAsync(),
      };
    },
  };
}
