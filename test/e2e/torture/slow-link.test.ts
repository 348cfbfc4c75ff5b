import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { seed } from "#lib/migrate/seed/seed.ts";
import { connect } from "#lib/postgres/connect.ts";
import { type MigrateBench, openMigrateBench } from "../../support/migrate-bench.ts";
import { type OwnTestServer, startTestServer } from "../../support/postgres.ts";
import { startPostgresProxy } from "../../support/postgres-proxy.ts";
import { openSeedPlayground } from "../../support/seed-set.ts";

let server: OwnTestServer;
let bench: MigrateBench;
beforeAll(async () => {
  server = await startTestServer({ tls: "off" });
});
afterAll(async () => await server[Symbol.asyncDispose]());
beforeEach(async () => {
  bench = await openMigrateBench(server);
});
afterEach(async () => await bench[Symbol.asyncDispose]());

/** Takes longer to arrive, at this speed, than a transaction may be idle. */
const bytesPerSecond = 400 * 1024;
const lines = (mebibytes: number) => `-- ${"x".repeat(1020)}\n`.repeat(mebibytes * 1024);

it.each([
  ["that is too large for the parser", `${lines(4)}-- ${"x".repeat(2000)}\ncreate table arrived ()`],
  [
    "that runs statement by statement",
    `create table arrived (note text);\nvacuum arrived;\ncomment on table arrived is '${"x".repeat(3_800_000)}'`,
  ],
])(
  "a migration %s arrives over a slow link",
  async (_, text) => {
    const { folder, run, rows, database, stack } = bench;
    const proxy = stack.use(await startPostgresProxy(server));
    proxy.bytesPerSecond = bytesPerSecond;
    await folder.write([text]);
    const { host, port } = proxy;
    expect(await run({}, { ...database.address, host, port })).toMatchObject({ status: "applied" });
    expect(await rows("select from pg_tables where tablename = 'arrived'")).toHaveLength(1);
  },
  60_000,
);

it("a statement of a seed set's SQL file arrives over a slow link", async () => {
  await using play = await openSeedPlayground(server);
  await play.client.query("create table t (note text)");
  await play.write({ "5-t.sql": `insert into t values ('${"x".repeat(3_800_000)}')` });
  await using proxy = await startPostgresProxy(server);
  proxy.bytesPerSecond = bytesPerSecond;
  const { host, port } = proxy;
  await using slow = await connect({ ...play.database.address, host, port }, { applicationName: "test" });
  await seed(slow.client, { seedsDir: play.seedsDir, set: "s" });
  expect(await play.all("select length(note) from t")).toEqual([{ length: 3_800_000 }]);
}, 60_000);
