import { describe, expect, it } from "vitest";
import { connect } from "#lib/postgres/connect.ts";
import type { MigrateProcess } from "../../support/migrate-process.ts";
import {
  closeGate,
  type MigrateBench,
  openMigrateBench,
  openGate,
  passGate,
  useMigrateBench,
  waitAtGate,
  waitUntilGone,
  waitUntilWatched,
} from "../../support/migrate-bench.ts";
import { startTestServer } from "../../support/postgres.ts";
import { startPostgresProxy } from "../../support/postgres-proxy.ts";
import { waitFor } from "../../support/wait-for.ts";

const bench = useMigrateBench();

const next = ";\n--> statement-breakpoint\n";
const texts = [
  "create table effect (tag text); create table account (id int); insert into account values (1)",
  [passGate(1), "insert into effect values ('1')"].join(next),
  ["insert into effect values ('2')", passGate(2)].join(next),
];
const patient = ["--lock-timeout", "60s"];

/** The one that comes after a run that is frozen: its outcome, and how long it took. */
async function runNext({ run, folder }: MigrateBench) {
  const startMs = performance.now();
  const result = await run({ folder: await folder.read() });
  return { result, ms: performance.now() - startMs };
}

async function wake(frozen: MigrateProcess) {
  frozen.signal("SIGCONT");
  const { exitCode, result } = await frozen.ended;
  const { status, error, applied } = result();
  return { exitCode, status, applied, error };
}

async function effects() {
  return (await bench().rows("select tag from effect order by tag")).map(({ tag }) => tag);
}

describe("a runner that is frozen with SIGSTOP", () => {
  it("while it holds the lock idle is passed within 10 s, and commits nothing when it wakes", async () => {
    await bench().folder.write(texts);
    await closeGate(bench(), 1);
    const frozen = bench().start(...patient);
    await waitAtGate(bench(), 1);
    frozen.signal("SIGSTOP");
    // The server does what it was sent; the process does not learn of it.
    await openGate(bench(), 1);
    await waitFor("the server has committed", async () => (await effects()).length === 1);
    const { result, ms } = await runNext(bench());
    expect(result).toMatchObject({ status: "applied", applied: ["0002_step"] });
    expect(ms).toBeLessThan(10_000);
    const woken = await wake(frozen);
    expect(woken).toMatchObject({ exitCode: 2, status: "failed", applied: ["0000_step", "0001_step"] });
    expect(await effects()).toEqual(["1", "2"]);
  });

  it("while the server works for it is passed within 10 s, and its transaction is rolled back", async () => {
    await bench().folder.write(texts);
    await closeGate(bench(), 2);
    const frozen = bench().start(...patient);
    const backend = await waitAtGate(bench(), 2);
    await waitUntilWatched(bench(), backend);
    frozen.signal("SIGSTOP");
    const after = runNext(bench());
    await waitUntilGone(bench(), backend, 10_000);
    await openGate(bench(), 2);
    const { result, ms } = await after;
    expect(result).toMatchObject({ status: "applied", applied: ["0002_step"] });
    expect(ms).toBeLessThan(10_000);
    const woken = await wake(frozen);
    expect(woken).toMatchObject({ exitCode: 2, status: "failed", applied: ["0000_step", "0001_step"] });
    expect(woken.error).toMatchObject({ code: "run.lease-lost" });
    expect(await effects()).toEqual(["1", "2"]);
  });

  it("between the statement and the commit of a step is passed within 10 s, and cannot commit", async () => {
    const steps = [passGate(1), "insert into effect values ('1')", passGate(2), "vacuum account"].join(next);
    await bench().folder.write([texts[0] ?? "", steps]);
    await closeGate(bench(), 2);
    const frozen = bench().start(...patient);
    await waitAtGate(bench(), 2);
    frozen.signal("SIGSTOP");
    await openGate(bench(), 2);
    const { result, ms } = await runNext(bench());
    expect(result).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect(ms).toBeLessThan(10_000);
    expect(await wake(frozen)).toMatchObject({ exitCode: 2, status: "failed", applied: ["0000_step"] });
    expect(await effects()).toEqual(["1"]);
  });

  it("while an index is built for it is passed within 10 s, and the index is built anew", async () => {
    const { database, stack } = bench();
    const writer = stack.use(await connect(database.address, { applicationName: "writer" }));
    await bench().run({ folder: await bench().folder.write(texts.slice(0, 1)) });
    await bench().folder.write([texts[0] ?? "", "create index concurrently account_idx on account (id)"]);
    await writer.client.query("begin; insert into account values (2)");
    const frozen = bench().start();
    const progress = "select pid from pg_stat_progress_create_index where datname = current_database()";
    await waitFor("the build waits", async () => (await bench().rows(progress)).length > 0);
    const backend = Number((await bench().rows(progress))[0]?.["pid"]);
    await waitUntilWatched(bench(), backend);
    frozen.signal("SIGSTOP");
    const after = runNext(bench());
    await waitUntilGone(bench(), backend, 10_000);
    await writer.client.query("commit");
    expect((await after).result).toMatchObject({ status: "applied", applied: ["0001_step"] });
    expect((await after).ms).toBeLessThan(10_000);
    expect(await wake(frozen)).toMatchObject({ exitCode: 2, status: "failed", applied: [] });
    const index = "select indisvalid as valid from pg_index where indexrelid = 'account_idx'::regclass";
    expect(await bench().rows(index)).toEqual([{ valid: true }]);
  });
});

describe("a run that hears nothing more from its first moments on", () => {
  it.each([
    ["has the lock and asks for the lease", "select from postern.lease"],
    ["has the lease and not yet its history", "update postern.runs r set ended_at"],
  ])(
    "is passed within 10 s when it %s",
    async (_, last) => {
      await using server = await startTestServer({ tls: "off" });
      await using own = await openMigrateBench(server);
      await using proxy = await startPostgresProxy(server);
      await own.folder.write(texts.slice(0, 1));
      let isFrozen = false;
      proxy.judge = ({ from, bytes }) => {
        isFrozen ||= from === "client" && bytes.includes(last);
        return isFrozen ? "stall" : "pass";
      };
      const address = { ...own.database.address, host: proxy.host, port: proxy.port };
      const frozen = own.run({}, address).catch((error: unknown) => error);
      await waitFor("it is frozen", async () => isFrozen);
      const startMs = performance.now();
      expect(await own.run({ lockWaitMs: 12_000 })).toMatchObject({ status: "applied", applied: ["0000_step"] });
      expect(performance.now() - startMs).toBeLessThan(10_000);
      await frozen;
    },
    40_000,
  );
});
