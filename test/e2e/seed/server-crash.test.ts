import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordedSeed } from "#lib/migrate/seed/recorded-seed.ts";
import { connect } from "#lib/postgres/connect.ts";
import { type OwnTestServer, startTestServer } from "../../support/postgres.ts";
import { restartServer } from "../../support/restart-server.ts";
import { openRun } from "../../support/run-connections.ts";
import { openSeedPlayground, type SeedPlayground } from "../../support/seed-set.ts";

/** What is committed and not waited for reaches the disk late; test servers do without waiting otherwise. */
const settings = {
  synchronous_commit: "on",
  full_page_writes: "on",
  wal_writer_delay: "10s",
  wal_writer_flush_after: "1GB",
};
/** Some 7 MB, which are a dozen chunks. */
const rowCount = 200_000;
const rows = Array.from({ length: rowCount }, (_, index) => `${index + 1},a name that fills the row\n`).join("");

let stack: AsyncDisposableStack;
let server: OwnTestServer;
/** Runs until the database is dropped. */
let restarted: AsyncDisposableStack;
let play: SeedPlayground;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  server = stack.use(await startTestServer({ settings }));
  restarted = stack.use(new AsyncDisposableStack());
  play = stack.use(await openSeedPlayground(server));
  await play.client.query("create table t (id int constraint t_pkey primary key, name text not null)");
  await play.write({ "1-t.csv": `id,name\n${rows}` });
});
afterEach(async () => stack.disposeAsync());

async function seed(runId: string, onProgress?: () => void) {
  await using connections = await openRun(play.database.address, runId);
  const { seedsDir } = play;
  const sizes = { chunkBytes: 1 };
  return await recordedSeed(connections, { seedsDir, set: "s", runId, requestedBy: "test", ...sizes, onProgress });
}

async function counted(): Promise<unknown> {
  await using connection = await connect(play.database.address, { applicationName: "onlooker" });
  const { rows: found } = await connection.client.query("select count(*)::int as rows from t");
  return found[0];
}

describe("a server that crashes", () => {
  it("behind the end of a seed run has all of its rows", async () => {
    expect((await seed("whole")).tables).toMatchObject([{ inserted: rowCount }]);
    restarted.use(await restartServer(server, "SIGQUIT"));
    expect(await counted()).toEqual({ rows: rowCount });
  });

  it("in the middle of a seed run forgets rows together with their mark, and the next run completes it", async () => {
    const crashed = Promise.withResolvers<Awaited<ReturnType<typeof restartServer>>>();
    let hasBegun = false;
    const outcome = seed("cut", () => {
      if (hasBegun) return;
      hasBegun = true;
      restartServer(server, "SIGQUIT").then(crashed.resolve, crashed.reject);
    }).catch((error: unknown) => error);
    restarted.use(await crashed.promise);
    expect(await outcome).toBeInstanceOf(Error);
    await seed("next");
    expect(await counted()).toEqual({ rows: rowCount });
  });
});
