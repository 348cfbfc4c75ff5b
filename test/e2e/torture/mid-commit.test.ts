import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MigrateBench, openMigrateBench } from "../../support/migrate-bench.ts";
import { type OwnTestServer, startTestServer } from "../../support/postgres.ts";
import {
  type PostgresProxy,
  type SeenMessage,
  startPostgresProxy,
  type Verdict,
} from "../../support/postgres-proxy.ts";

let server: OwnTestServer;
let proxy: PostgresProxy;
let bench: MigrateBench;

beforeAll(async () => {
  server = await startTestServer({ tls: "off" });
});
afterAll(async () => await server[Symbol.asyncDispose]());
beforeEach(async () => {
  bench = await openMigrateBench(server);
  proxy = bench.stack.use(await startPostgresProxy(server));
});
afterEach(async () => await bench[Symbol.asyncDispose]());

const texts = [
  "create table effect (tag text); create table account (id int, email text)",
  "insert into effect values ('1')",
  "insert into effect values ('2'); create index concurrently account_idx on account (email)",
  "insert into effect values ('3'); alter table account add column age int",
];
const tagOf = (index: number) => `000${index}_step`;
const tags = texts.map((_, index) => tagOf(index));

async function runThroughProxy(judge: (message: SeenMessage) => Verdict) {
  proxy.judge = judge;
  const { host, port } = proxy;
  return await bench.run({}, { ...bench.database.address, host, port });
}

/** What is there, and what the ledgers say is. */
async function truth() {
  const known = await bench.rows("select to_regclass('effect') is not null as is_there");
  const effects = known[0]?.["is_there"] === true ? await bench.rows("select tag from effect order by tag") : [];
  const applied = await bench.rows("select tag from postern.run_migrations where outcome = 'applied' order by tag");
  const recorded = await bench.rows("select from drizzle.__drizzle_migrations");
  return {
    effects: effects.map(({ tag }) => tag),
    applied: applied.map(({ tag }) => tag),
    recorded: recorded.length,
  };
}

const commits = ({ from, type, bytes }: SeenMessage) =>
  from === "client" && type === "Q" && bytes.toString().endsWith("commit\0");
const hasCommitted = ({ from, type, bytes }: SeenMessage) =>
  from === "server" && type === "C" && bytes.includes("COMMIT");

/** Decides about the connection that works, from the message on that applies the migration. */
function whenApplying(index: number, isPlace: (message: SeenMessage) => boolean, then: Verdict) {
  let isApplying = false;
  return (message: SeenMessage): Verdict => {
    if (message.connection !== 1) return "pass";
    const { from, bytes } = message;
    isApplying ||= from === "client" && bytes.includes("record_applied") && bytes.includes(`'${tagOf(index)}'`);
    return isApplying && isPlace(message) ? then : "pass";
  };
}

describe("a connection that is cut in the middle of a commit", () => {
  it("before the server got it all: the run says that nothing was committed, and nothing was", async () => {
    const folder = await bench.folder.write(texts.slice(0, 2));
    const result = await runThroughProxy(whenApplying(1, commits, "cut-within"));
    expect(result).toMatchObject({ status: "failed", applied: [tags[0]], pending: [tags[1]] });
    expect(result.error?.message).toContain("it was not committed");
    expect(await truth()).toEqual({ effects: [], applied: [tags[0]], recorded: 1 });
    expect(await bench.run({ folder })).toMatchObject({ status: "applied", applied: [tags[1]] });
    expect(await truth()).toEqual({ effects: ["1"], applied: tags.slice(0, 2), recorded: 2 });
  });

  it("after the server had committed the last: the run says that it was applied", async () => {
    await bench.folder.write(texts.slice(0, 1));
    const result = await runThroughProxy(whenApplying(0, hasCommitted, "cut-before"));
    expect(result).toMatchObject({ status: "applied", applied: [tags[0]], pending: [] });
    expect(result.error).toBeUndefined();
    expect(await truth()).toEqual({ effects: [], applied: [tags[0]], recorded: 1 });
    expect(await bench.run()).toMatchObject({ status: "up-to-date" });
  });

  it("after the server had committed one of several: the run says so, and the next goes on behind it", async () => {
    await bench.folder.write(texts);
    const result = await runThroughProxy(whenApplying(0, hasCommitted, "cut-before"));
    expect(result).toMatchObject({ status: "failed", applied: [tags[0]], pending: tags.slice(1) });
    expect(result.error?.message).toContain("it was committed");
    expect(await bench.run()).toMatchObject({ status: "applied", applied: tags.slice(1) });
    expect(await truth()).toEqual({ effects: ["1", "2", "3"], applied: tags, recorded: 4 });
  });

  it("while the server is still at work on it: the run waits for the outcome, and tells that", async () => {
    await bench.folder.write([
      `create table effect (tag text);
       create function nap() returns trigger language plpgsql as 'begin perform pg_sleep(1); return null; end';
       create constraint trigger nap after insert on effect deferrable initially deferred for each row execute function nap()`,
      texts[1] ?? "",
    ]);
    const result = await runThroughProxy(whenApplying(1, commits, "cut-after"));
    const isThere = (await truth()).effects.length === 1;
    expect(result.applied).toEqual(isThere ? tags.slice(0, 2) : tags.slice(0, 1));
    expect(result.status).toBe(isThere ? "applied" : "failed");
    await bench.run();
    expect(await truth()).toEqual({ effects: ["1"], applied: tags.slice(0, 2), recorded: 2 });
  });
});
