import { beforeAll, describe, expect, it } from "vitest";
import { connect } from "#lib/postgres/connect.ts";
import {
  closeGate,
  type MigrateBench,
  openGate,
  openMigrateBench,
  passGate,
  waitAtGate,
  waitUntilGone,
} from "../../support/migrate-bench.ts";
import { readSchemaFacts } from "../../support/schema-facts.ts";
import { waitFor } from "../../support/wait-for.ts";

const breakpoint = "\n--> statement-breakpoint\n";

/** Six migrations, of which three cannot run in a transaction, with a gate at every boundary between statements. */
const texts = [
  ["create table effect (tag text not null)", passGate(1), "insert into effect values ('0')", passGate(2)],
  [
    passGate(3),
    "create table account (id serial constraint account_pkey primary key, email text not null, age integer)",
    passGate(4),
    "insert into account (email, age) select 'user' || n, n % 90 from generate_series(1, 500) n",
    "insert into effect values ('1')",
    passGate(5),
  ],
  [
    passGate(6),
    "insert into effect values ('2a')",
    "create unique index concurrently if not exists account_email_key on account (email)",
    passGate(7),
    "set statement_timeout = '5min'",
    "create index concurrently account_age_idx on account (age)",
    "insert into effect values ('2b')",
    passGate(8),
  ],
  ["create type mood as enum ('calm')", passGate(9), "insert into effect values ('3')"],
  [
    "alter type mood add value 'merry'",
    passGate(10),
    "alter table account add column mood mood not null default 'merry'",
    "insert into effect values ('4')",
    passGate(11),
  ],
  [
    "drop index concurrently account_age_idx",
    passGate(12),
    "reindex index concurrently account_email_key",
    "vacuum account",
    passGate(13),
    "insert into effect values ('5')",
    passGate(14),
  ],
].map((statements) => statements.join(`;${breakpoint}`));

/** The database when all is done, which two more runs must see to. */
async function complete(bench: MigrateBench) {
  const runs = [await bench.run(), await bench.run()];
  return {
    runs: runs.map(({ status, pending }) => ({ status, pending })),
    effects: (await bench.rows("select tag from effect order by tag")).map(({ tag }) => tag),
    schema: await readSchemaFacts(bench.client),
    recorded: (await bench.rows("select from drizzle.__drizzle_migrations")).length,
    steps: (await bench.rows("select from postern.migration_steps")).length,
  };
}

const whole = {
  runs: [
    { status: "applied", pending: [] },
    { status: "up-to-date", pending: [] },
  ],
  effects: ["0", "1", "2a", "2b", "3", "4", "5"],
  recorded: texts.length,
  steps: 0,
};

/** Of a database on which nothing went wrong. */
let schema: readonly string[];
beforeAll(async () => {
  await using bench = await openMigrateBench();
  await bench.folder.write(texts);
  ({ schema } = await complete(bench));
});

const gates = Array.from({ length: 14 }, (_, index) => index + 1);

describe("a runner that is killed with kill -9", () => {
  it("is compared with one that was left in peace", () => {
    expect(schema).toContain(
      "index CREATE UNIQUE INDEX account_email_key ON public.account USING btree (email) valid: t",
    );
  });

  it.concurrent.each(gates)(
    "at statement boundary %i leaves what the next run completes, nothing twice",
    async (gate) => {
      await using bench = await openMigrateBench();
      await bench.folder.write(texts);
      await closeGate(bench, gate);
      const killed = bench.start("--lock-timeout", "60s");
      await waitAtGate(bench, gate);
      killed.signal("SIGKILL");
      expect(await killed.ended).toMatchObject({ exitCode: null, stdout: "" });
      await openGate(bench, gate);
      expect(await complete(bench)).toEqual({ ...whole, schema });
    },
  );

  it("at every boundary in turn, run after run, leaves what the last run completes", async () => {
    await using bench = await openMigrateBench();
    await bench.folder.write(texts);
    for (const gate of gates) {
      await closeGate(bench, gate);
      const killed = bench.start("--lock-timeout", "60s");
      const backend = await waitAtGate(bench, gate);
      killed.signal("SIGKILL");
      await killed.ended;
      // With the gate open it might yet commit, and the next run would pass this gate and not come to it.
      await waitUntilGone(bench, backend);
      await openGate(bench, gate);
    }
    expect(await complete(bench)).toEqual({ ...whole, schema });
  });

  it.concurrent.each([
    ["building a unique index with IF NOT EXISTS", 6, "create unique index concurrently%"],
    ["building an index", 7, "create index concurrently%"],
    ["dropping an index", 11, "drop index concurrently%"],
    ["rebuilding an index", 12, "reindex index concurrently%"],
  ])("while %s concurrently leaves what the next run completes", async (_, gate, statement) => {
    await using bench = await openMigrateBench();
    await bench.folder.write(texts);
    await closeGate(bench, gate);
    const killed = bench.start("--lock-timeout", "60s");
    await waitAtGate(bench, gate);
    const reader = bench.stack.use(await connect(bench.database.address, { applicationName: "reader" }));
    await reader.client.query("begin isolation level repeatable read; select from account limit 1");
    await openGate(bench, gate);
    const isWaiting = async () =>
      (await bench.rows("select from pg_stat_activity where query like $1 and wait_event_type = 'Lock'", [statement]))
        .length > 0;
    await waitFor("the statement waits for the reader", isWaiting, 15_000);
    killed.signal("SIGKILL");
    await killed.ended;
    await waitFor("the server has noticed", async () => !(await isWaiting()));
    await reader.client.query("rollback");
    expect(await complete(bench)).toEqual({ ...whole, schema });
  });
});
