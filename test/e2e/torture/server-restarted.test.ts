import { describe, expect, it } from "vitest";
import { toPosternError } from "#lib/base/errors.ts";
import { connect } from "#lib/postgres/connect.ts";
import { type MigrateBench, openMigrateBench } from "../../support/migrate-bench.ts";
import { type OwnTestServer, startTestServer } from "../../support/postgres.ts";
import { restartServer } from "../../support/restart-server.ts";
import { waitFor } from "../../support/wait-for.ts";

const texts = [
  "create table effect (tag text)",
  "insert into effect values ('1'); select pg_sleep(3)",
  "insert into effect values ('2'); create index concurrently effect_idx on effect (tag)",
];

/** What was committed is kept when the server alone crashes; test servers do without otherwise. */
const settings = { synchronous_commit: "on", full_page_writes: "on" };

async function hasEffectTable({ database }: MigrateBench) {
  await using connection = await connect(database.address, { applicationName: "onlooker" });
  const found = await connection.client.query("select from pg_tables where tablename = 'effect'");
  return found.rowCount === 1;
}

async function effects({ database }: MigrateBench) {
  await using connection = await connect(database.address, { applicationName: "onlooker" });
  const { rows } = await connection.client.query<{ tag: string }>("select tag from effect order by tag");
  return rows.map(({ tag }) => tag);
}

async function isMade({ database }: MigrateBench) {
  await using connection = await connect(database.address, { applicationName: "onlooker" });
  return (await connection.client.query("select from pg_class where relname = 'effect'")).rowCount === 1;
}

describe("a server that is restarted in the middle of a run", () => {
  it.each([
    ["fast", "SIGINT"],
    ["immediate", "SIGQUIT"],
  ] as const)(
    "(%s shutdown) leaves a run that knows what was committed, and the next completes it",
    async (_, signal) => {
      await using stack = new AsyncDisposableStack();
      const server = stack.use(await startTestServer({ settings }));
      await using bench = await openMigrateBench(server);
      await bench.folder.write(texts);
      const outcome = bench.run();
      const isAsleep = "select from pg_stat_activity where wait_event = 'PgSleep'";
      await waitFor("it is in the second", async () => (await bench.rows(isAsleep)).length === 1);

      const isOnDisk = "select where pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()";
      await waitFor("the first is on the disk", async () => (await bench.rows(isOnDisk)).length === 1);

      stack.use(await restartServer(server, signal));
      const result = await outcome;
      expect(result.status).toBe("failed");
      expect(result.error?.message).toContain(
        "The connection was lost while 0001_step was applied, and it was not committed",
      );
      // Commits before the last are not waited for: a server that crashed may have forgotten the first.
      const isKept = await hasEffectTable(bench);
      expect(result.applied).toEqual(isKept ? ["0000_step"] : []);
      expect(isKept || signal === "SIGQUIT").toBe(true);
      expect(await bench.run()).toMatchObject({ status: "applied", applied: result.pending });
      expect(await effects(bench)).toEqual(["1", "2"]);
    },
  );

  it("that crashes forgets what was not on the disk, and the run does not claim it", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startTestServer({ settings: { ...settings, wal_writer_delay: "10s" } }));
    await using bench = await openMigrateBench(server);
    await bench.folder.write(texts);
    const outcome = bench.run();
    const isAsleep = "select from pg_stat_activity where wait_event = 'PgSleep'";
    await waitFor("it is in the second", async () => (await bench.rows(isAsleep)).length === 1);
    stack.use(await restartServer(server, "SIGQUIT"));
    const { status, applied } = await outcome;
    expect({ status, applied }).toEqual({ status: "failed", applied: (await isMade(bench)) ? ["0000_step"] : [] });
    expect(await bench.run()).toMatchObject({ status: "applied" });
    expect(await effects(bench)).toEqual(["1", "2"]);
  });

  it("that crashes behind the last commit forgets it, and the run does not claim it", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startTestServer({ settings: { ...settings, wal_writer_delay: "10s" } }));
    const told = new Set<string>();
    // Some other process of the server may have brought the commit to the disk: then the run is right to claim it.
    for (let tries = 1; tries <= 5 && !told.has("run.lost"); tries += 1) told.add(await crashBehindCommit(server));
    expect([...told]).toContain("run.lost");
  });
});

/** @returns what the run says of itself, which is true */
async function crashBehindCommit(server: OwnTestServer): Promise<string> {
  await using bench = await openMigrateBench(server);
  await bench.folder.write(["create table effect (tag text)"]);
  await using victim = await connect(bench.database.address, { applicationName: "victim" });
  for (const { client } of [victim, bench]) client.on("error", () => {});
  const { rows } = await victim.client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const onProgress = ({ step }: { readonly step: string }) => {
    if (step !== "applied") return;
    // One backend that is killed takes all others and what is not on the disk; the server is back in a moment.
    process.kill(rows[0]?.pid ?? 0, "SIGKILL");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  };
  const told = await bench.run({ onProgress }).then(
    ({ status }) => status,
    (error: unknown) => toPosternError(error).code,
  );
  expect(told).toBe((await hasEffectTable(bench)) ? "applied" : "run.lost");
  expect(await bench.run()).toMatchObject({ status: told === "applied" ? "up-to-date" : "applied" });
  expect(await hasEffectTable(bench)).toBe(true);
  return told;
}
