import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { randomUUID } from "node:crypto";
import type { MigrateProgress } from "#lib/migrate/migrate.ts";
import { cancelRun } from "#lib/migrate/ledger/progress.ts";
import { type MigrateBench, openMigrateBench } from "../../support/migrate-bench.ts";
import { type OwnTestServer, startTestServer } from "../../support/postgres.ts";
import { type PostgresProxy, type SeenMessage, startPostgresProxy } from "../../support/postgres-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

let server: OwnTestServer;
let bench: MigrateBench;
let proxy: PostgresProxy;

beforeAll(async () => {
  server = await startTestServer({ tls: "off" });
});
afterAll(async () => await server[Symbol.asyncDispose]());
beforeEach(async () => {
  bench = await openMigrateBench(server);
  proxy = bench.stack.use(await startPostgresProxy(server));
});
afterEach(async () => await bench[Symbol.asyncDispose]());

const throughProxy = () => ({ ...bench.database.address, host: proxy.host, port: proxy.port });
const isQuery = ({ from, type }: SeenMessage) => from === "client" && (type === "Q" || type === "P");
const work = ["create table a ()", "select pg_sleep(4)", "create table b (); select pg_sleep(0.5)"];

async function renewed(): Promise<number> {
  const [row] = await bench.rows("select extract(epoch from renewed_at) * 1000 as at from postern.lease");
  return Number(row?.["at"] ?? 0);
}

describe("the second connection of a run", () => {
  it("is opened anew when it is ended, and renews the lease again", async () => {
    await bench.folder.write(work);
    const runId = randomUUID();
    const outcome = bench.run({ runId });
    const others = `select pid from pg_stat_activity where application_name = $1 and pid <> (select backend_pid from postern.runs where run_id = $2)`;
    const monitors = async () => {
      const isMade = await bench.rows("select to_regclass('postern.lease') is not null as made");
      return isMade[0]?.["made"] === true ? await bench.rows(others, [`postern run ${runId}`, runId]) : [];
    };
    await waitFor("it is there", async () => (await monitors()).length === 1);
    const [first] = await monitors();
    await bench.rows("select pg_terminate_backend($1)", [first?.["pid"]]);
    const endedAt = Date.now();
    await waitFor("another is there", async () => (await monitors()).some(({ pid }) => pid !== first?.["pid"]));
    await waitFor("the lease is renewed", async () => (await renewed()) > endedAt);
    expect(await outcome).toMatchObject({ status: "applied", pending: [] });
  });

  it.each(["stall", "cut-before"] as const)("does not hold up the run when it fails for good (%s)", async (verdict) => {
    await bench.folder.write(work);
    proxy.judge = (seen) => (seen.connection > 1 && isQuery(seen) ? verdict : "pass");
    const startMs = performance.now();
    const result = await bench.run({}, throughProxy());
    expect(result).toMatchObject({ status: "applied", pending: [] });
    expect(performance.now() - startMs).toBeLessThan(20_000);
  });

  it("that has stalled is given up, so that the lease is renewed and a cancel heard on another", async () => {
    await bench.folder.write(["create table a ()", "select pg_sleep(62.5)"]);
    proxy.judge = (seen) => (seen.connection === 2 && isQuery(seen) ? "stall" : "pass");
    const runId = randomUUID();
    const outcome = bench.run({ runId }, throughProxy());
    const isAsleep = "select from pg_stat_activity where wait_event = 'PgSleep'";
    await waitFor("it sleeps", async () => (await bench.rows(isAsleep)).length === 1);
    await cancelRun(bench.client, { runId, requestedBy: "somebody" });
    expect(await outcome).toMatchObject({ status: "partial", error: { code: "run.cancelled" } });
  }, 30_000);

  it.each([
    ["gets no answer", "stall"],
    ["is refused", "cut-before"],
  ] as const)("is there before anything is applied, or was given up: one that %s", async (_, verdict) => {
    await bench.folder.write(["select pg_sleep(0.1)"]);
    proxy.judge = ({ connection, type }) => (connection === 2 && type === "" ? verdict : "pass");
    const seen: string[] = [];
    const onProgress = ({ step }: MigrateProgress) => seen.push(step);
    const result = await bench.run({ onProgress, onBegin: ({ tag }) => seen.push(tag) }, throughProxy());
    expect(result).toMatchObject({ status: "applied" });
    expect(seen).toEqual(["unwatched", "0000_step", "applied"]);
  });

  it("that cannot be opened lets nobody take a run that works for a frozen one, and it is told of", async () => {
    await bench.folder.write(["create table a ()", "select pg_sleep(9)"]);
    proxy.judge = ({ connection, type }) => (connection > 1 && type === "" ? "cut-before" : "pass");
    const progress: MigrateProgress[] = [];
    const working = bench.run({ onProgress: (one) => progress.push(one) }, throughProxy());
    const isAsleep = "select from pg_stat_activity where wait_event = 'PgSleep'";
    await waitFor("it sleeps", async () => (await bench.rows(isAsleep)).length === 1);
    const waiting = bench.run();
    expect(await working).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"] });
    expect(await waiting).toMatchObject({ status: "up-to-date", applied: [] });
    const unwatched = progress.filter(({ step }) => step === "unwatched");
    expect(unwatched).toEqual([{ step: "unwatched", reason: expect.stringContaining("onnecting to") as string }]);
  });
});
