import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { type PgBouncerOptions, startPgBouncer } from "../../../support/faults/pgbouncer.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import { between, type LabFault, type LabWorld } from "../fault.ts";

type Change = {
  readonly pooler?: Partial<PgBouncerOptions>;
  readonly address?: Partial<DatabaseAddress>;
  /** One who already is in a transaction through the pooler. */
  readonly hasGuest?: boolean;
};

/** A real PgBouncer, which stands for RDS Proxy as far as it can. */
export const poolerFaults: readonly LabFault[] = [
  pooler("all is well", "ok", undefined, () => ({})),
  pooler("a wrong password", "auth.rejected", "auth", () => ({ address: { password: "wrong" } })),
  pooler("its password for the server is old", "proxy.secret-stale", ["auth", "ready"], () => ({
    pooler: { users: { postgres: "old" } },
    address: { password: "old" },
  })),
  pooler("a database that it does not know", "db.missing", ["startup", "ready"], () => ({
    pooler: { databases: "shop" },
  })),
  pooler("few clients", "parallel.limit", "parallel", (random) => ({
    pooler: { settings: { max_client_conn: String(between(random, 2, 3)) } },
  })),
  pooler("no client left", "db.too-many-connections", ["startup", "auth"], () => ({
    pooler: { settings: { max_client_conn: "1" } },
    hasGuest: true,
  })),
  pooler("its only connection is taken", "proxy.pool-exhausted", ["auth", "query"], (random) => ({
    pooler: { settings: { default_pool_size: "1", pool_mode: random.pick(["session", "transaction"]) } },
    hasGuest: true,
  })),
  pooler("its only connection is taken, and it says so", "proxy.pool-exhausted", ["auth", "query"], () => ({
    pooler: { settings: { default_pool_size: "1", query_wait_timeout: "1" } },
    hasGuest: true,
  })),
];

function pooler(
  name: string,
  code: string,
  strikes: LabFault["strikes"],
  draw: (random: SeededRandom) => Change,
): LabFault {
  return {
    name: `PgBouncer: ${name}`,
    expected: [code],
    ...(strikes === undefined ? {} : { strikes }),
    needsProgram: "pgbouncer",
    open: async (world, random) => openPooler(world, draw(random)),
  };
}

async function openPooler({ address, authority, certificate, runFolder }: LabWorld, change: Change) {
  await using stack = new AsyncDisposableStack();
  const users = { [address.user]: address.password ?? "" };
  const bouncer = stack.use(await startPgBouncer({ server: address, certificate, users, runFolder, ...change.pooler }));
  const through = { ...address, port: bouncer.port, ca: [authority.certificate] };
  if (change.hasGuest === true) {
    const { client } = stack.use(await connect(through, { applicationName: "lab" }));
    await client.query("begin");
  }
  const opened = stack.move();
  return { address: { ...through, ...change.address }, [Symbol.asyncDispose]: async () => opened.disposeAsync() };
}
