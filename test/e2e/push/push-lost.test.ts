import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { openSchema } from "#lib/bundle/push.ts";
import { endLostRuns, endRun } from "#lib/migrate/ledger/ledger.ts";
import { push } from "#lib/migrate/push/push.ts";
import { connect } from "#lib/postgres/connect.ts";
import {
  type PostgresProxy,
  type SeenMessage,
  startPostgresProxy,
  type Verdict,
} from "../../support/postgres-proxy.ts";
import { createTestDatabase, type OwnTestServer, startTestServer, type TestDatabase } from "../../support/postgres.ts";
import { openRun } from "../../support/run-connections.ts";
import { makeSchemaFolder, type SchemaFolder } from "../../support/schema-folder.ts";

let server: OwnTestServer;
let stack: AsyncDisposableStack;
let database: TestDatabase;
let folder: SchemaFolder;
beforeAll(async () => {
  server = await startTestServer({ tls: "off" });
});
afterAll(async () => await server[Symbol.asyncDispose]());
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  database = stack.use(await createTestDatabase(server));
  folder = stack.use(await makeSchemaFolder());
  // The ledger is made by the first.
  await pushTable("first");
});
afterEach(async () => await stack.disposeAsync());

const table = (name: string) => `export const ${name} = pg.pgTable("${name}", { id: pg.integer("id") });`;

async function pushTable(name: string, judge: PostgresProxy["judge"] = () => "pass", clock: Clock = systemClock) {
  await using proxy = await startPostgresProxy(server);
  proxy.judge = judge;
  await folder.write(table("first") + (name === "first" ? "" : table(name)));
  await using schema = await openSchema(folder.schemaFile, folder.renamesFile, {});
  const runId = randomUUID();
  const { host, port } = proxy;
  await using connections = await openRun({ ...database.address, host, port }, runId);
  const { kit, renames } = schema;
  return await push(connections, { kit, renames, requestedBy: "test", runId, clock });
}

async function query(sql: string): Promise<Record<string, unknown>[]> {
  await using connection = await connect(database.address, { applicationName: "onlooker" });
  return (await connection.client.query<Record<string, unknown>>(sql)).rows;
}

const hasSecond = async () => (await query("select from pg_class where relname = 'second'")).length === 1;
const lastRun = async () =>
  (
    await query("select run_id, outcome, result, error, ended_at from postern.runs order by started_at desc limit 1")
  )[0];

const commits = ({ from, type, bytes }: SeenMessage) =>
  from === "client" && type === "Q" && bytes.toString().endsWith("commit\0");
const hasCommitted = ({ from, type, bytes }: SeenMessage) =>
  from === "server" && type === "C" && bytes.includes("COMMIT");

/** Decides about the connection that works, once it has asked for its lease: its commit comes next. */
function atTheEnd(isPlace: (message: SeenMessage) => boolean, then: Verdict, later: Verdict = "pass") {
  let [isEnding, isCut] = [false, false];
  const judge = (message: SeenMessage): Verdict => {
    if (isCut) return later;
    isEnding ||= message.connection === 1 && message.bytes.includes("hold_lease");
    if (message.connection !== 1 || !isEnding || !isPlace(message)) return "pass";
    isCut = true;
    return then;
  };
  return { judge, wasCut: () => isCut };
}

describe("a push whose connection is cut in the middle of its commit", () => {
  test("after the server had committed: it was pushed, and the ledger says so", async () => {
    const end = atTheEnd(hasCommitted, "cut-before");
    const result = await pushTable("second", end.judge);
    expect(end.wasCut()).toBe(true);
    expect(result).toMatchObject({ status: "pushed", statements: [{ executed: true }] });
    expect(await hasSecond()).toBe(true);
    expect(await lastRun()).toMatchObject({
      outcome: "pushed",
      error: null,
      result: { status: "pushed", statements: [{ executed: true }] },
      ended_at: expect.any(Date),
    });
  });

  test("before the server got it all: it says that nothing was committed, and the next does it", async () => {
    await expect(pushTable("second", atTheEnd(commits, "cut-within").judge)).rejects.toMatchObject({
      message: expect.stringContaining("it was not committed"),
      hint: "Nothing was changed: push again.",
    });
    expect(await hasSecond()).toBe(false);
    expect(await lastRun()).toMatchObject({ outcome: "failed", result: null });
    expect(await pushTable("second")).toMatchObject({ status: "pushed" });
  });

  test("and nobody can be asked: it says that it does not know; what was committed is recorded, and the next finds it", async () => {
    // A hundred times as fast.
    const clock: Clock = {
      ...systemClock,
      nowMs: () => systemClock.nowMs() * 100,
      sleep: async (ms, signal) => systemClock.sleep(ms / 100, signal),
    };
    const { judge } = atTheEnd(hasCommitted, "cut-before", "cut-before");
    const failure: unknown = await pushTable("second", judge, clock).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      message: expect.stringContaining("whether it was committed could not be found out"),
      hint: expect.stringContaining("Push again: that is safe either way"),
    });
    expect(await hasSecond()).toBe(true);
    expect(await lastRun()).toMatchObject({ outcome: "pushed", ended_at: null });
    await using connection = await connect(database.address, { applicationName: "next run" });
    // Of a process that comes back with what it believes, and of the next run.
    await endRun(connection.client, String((await lastRun())?.["run_id"]), { outcome: "failed" });
    expect(await lastRun()).toMatchObject({ outcome: "pushed", ended_at: null });
    await endLostRuns(connection.client, "next");
    expect(await lastRun()).toMatchObject({ outcome: "pushed", ended_at: expect.any(Date) });
    expect(await pushTable("second")).toMatchObject({ status: "up-to-date" });
  });
});
