import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { deployEvent } from "#lib/contract.ts";
import { pruneRuns } from "#lib/migrate/ledger/prune.ts";
import { connect } from "#lib/postgres/connect.ts";
import { type DeployBench, type DeployGround, openDeployBench, prepareDeploys } from "../support/deploy-bench.ts";
import { master } from "../support/roles.ts";
import { descendantsOf } from "../support/process-tree.ts";
import { waitFor } from "../support/wait-for.ts";

let ground: DeployGround;
let stack = new AsyncDisposableStack();
beforeAll(async () => {
  ground = await prepareDeploys();
});
afterEach(async () => {
  await stack.disposeAsync();
  stack = new AsyncDisposableStack();
});
afterAll(async () => ground[Symbol.asyncDispose]());

const open = async (options: Parameters<typeof openDeployBench>[1] = {}): Promise<DeployBench> =>
  stack.use(await openDeployBench(ground, options));

const roles = {
  postern_migrator: "password",
  postern_app: "password",
  postern_health: "password",
  postern_readonly: "none",
  postern_operator: "none",
};
const migrate = { migrate: true } as const;
const applied = (n: number) => ({ status: "applied", applied: Array.from({ length: n }, (_, i) => `000${i}_step`) });
const seeds = { "reference/01-currencies.ndjson": '{"code":"EUR"}\n{"code":"CHF"}\n' };
const currencies = "create table currencies (code text primary key)";

describe("a deploy", () => {
  test("does setup alone when it is asked for nothing else", async () => {
    const bench = await open();
    await bench.write([currencies]);
    expect(await bench.deploy()).toEqual({ result: { roles }, failure: undefined });
    expect(await bench.rows("select from pg_tables where tablename = 'currencies'")).toEqual([]);
  });

  test("sets up, migrates and seeds a new database; unchanged it does nothing more, and its reply is the same", async () => {
    const bench = await open();
    await bench.write([currencies, "create table orders (id int)"], seeds);
    const wishes = { migrate: true, seed: "reference" };
    const first = await bench.deploy(wishes);
    expect(first).toEqual({
      result: {
        roles,
        migrate: { runId: expect.stringMatching(/^deploy-migrate-[0-9a-f]{24}$/u), ...applied(2) },
        seed: { runId: expect.stringMatching(/^deploy-seed-[0-9a-f]{24}$/u), set: "reference" },
      },
      failure: undefined,
    });
    const [runs, ledger] = [await bench.runs(), await bench.rows("select * from postern.runs")];
    expect(runs).toHaveLength(2);
    expect(await bench.deploy(wishes)).toEqual(first);
    expect(await bench.deploy(wishes)).toEqual(first);
    expect(await bench.rows("select * from postern.runs")).toEqual(ledger);
    expect(await bench.rows("select code from currencies order by code")).toEqual([{ code: "CHF" }, { code: "EUR" }]);
  });

  test("unchanged it seeds nothing again, also when old runs were removed meanwhile", async () => {
    const bench = await open();
    await bench.write([currencies], seeds);
    const wishes = { migrate: true, seed: "reference" };
    const first = await bench.deploy(wishes);
    // Somebody has taken a row out; to deploy what is deployed must not bring it back.
    await bench.client.query("delete from currencies where code = 'CHF'");
    await bench.client.query(
      `update postern.runs set started_at = '2020-01-01', ended_at = '2020-01-01';
       insert into postern.runs (run_id, action, requested_by, started_at, ended_at, outcome)
       select 'plain-' || n, 'migrate', 'test', at, at, 'up-to-date' from generate_series(1, 1100) n,
         lateral (select timestamptz '2021-01-01' + make_interval(mins => n) as at) times;
       update postern.lease set run_id = 'plain-1'`,
    );
    await pruneRuns(bench.client);
    expect(await bench.rows("select from postern.runs")).toHaveLength(1003);
    expect(await bench.deploy(wishes)).toEqual(first);
    expect(await bench.rows("select code from currencies")).toEqual([{ code: "EUR" }]);
  });

  test("puts no password into its reply or its log", async () => {
    const bench = await open();
    await bench.write([currencies]);
    const { result } = await bench.deploy(migrate);
    const secrets = (await bench.secrets.list()).flatMap(({ versions }) => versions.map(({ value }) => value));
    const passwords = secrets.map((text) => (JSON.parse(text) as { password: string }).password);
    expect(passwords).toContain(master.password);
    expect(new Set(passwords).size).toBe(4);
    for (const password of passwords) expect(JSON.stringify(result) + bench.log()).not.toContain(password);
  });

  test("applies what a later bundle adds, and says so when an older one comes after it", async () => {
    const bench = await open();
    const texts = [currencies, "create table orders (id int)"];
    await bench.write(texts.slice(0, 1));
    await bench.deploy(migrate);
    await bench.write(texts);
    expect((await bench.deploy(migrate)).result).toMatchObject({ migrate: { applied: ["0001_step"] } });
    await bench.write(texts.slice(0, 1));
    expect((await bench.deploy(migrate)).failure?.errorMessage).toMatch(/^history\.database-ahead: /u);
    const back = await bench.deploy({ ...migrate, allow: ["history.database-ahead"] });
    expect(back.result).toMatchObject({ migrate: { status: "up-to-date" } });
    expect(await bench.deploy({ ...migrate, allow: ["history.database-ahead"] })).toEqual(back);
  });

  test("two at once: one applies, the other waits for it, and both reply the same", async () => {
    const bench = await open();
    await bench.write(["create table t (id int)", "select pg_sleep(1)", "insert into t values (1)"]);
    const both = await Promise.all([bench.deploy(migrate), bench.deploy(migrate)]);
    expect(both[0].result).toMatchObject({ migrate: applied(3) });
    expect(both[1]).toEqual(both[0]);
    expect(await bench.runs()).toHaveLength(1);
    expect(await bench.rows("select id from t")).toEqual([{ id: 1 }]);
  });

  test("two at once fail together, with one attempt", async () => {
    const bench = await open();
    await bench.deploy();
    await bench.write(["create table t (id int)", "select pg_sleep(1)", "select nothing"]);
    const both = await Promise.all([bench.deploy(migrate), bench.deploy(migrate)]);
    expect(both[0].failure?.errorMessage).toMatch(
      /^migrate\.failed: 0002_step, statement 1 of 1: 0002_step\.sql:1:8: /u,
    );
    expect(both[1]).toEqual(both[0]);
    expect(await bench.runs()).toHaveLength(1);
  });
});

describe("a deploy that failed", () => {
  test("names code, migration, place and SQLSTATE on one line, and goes on in a new attempt", async () => {
    const bench = await open();
    await bench.write([currencies, "insert into missing values ('a secret of somebody')"]);
    const { failure } = await bench.deploy(migrate);
    expect(failure?.errorType).toBe("DeployFailed");
    const [what, next] = failure?.errorMessage.split(" (SQLSTATE 42P01) ") ?? [];
    expect(what).toBe(
      'migrate.failed: 0001_step, statement 1 of 1: 0001_step.sql:1:13: relation "missing" does not exist',
    );
    expect(next).toMatch(
      /^Nothing of this migration was kept\. Mend it, then run migrate again\. `postern migrate --stage test --run-id deploy-migrate-[0-9a-f]{24}` tells all of it\.$/u,
    );
    // What was missing is made by hand: the same bundle again.
    await bench.client.query("create table missing (t text); grant all on missing to postern_migrator");
    const mended = await bench.deploy(migrate);
    expect(mended.result).toMatchObject({
      migrate: { runId: expect.stringMatching(/-2$/u), status: "applied", applied: ["0001_step"] },
    });
    expect(await bench.deploy(migrate)).toEqual(mended);
    expect((await bench.runs()).map((run) => run.replace(/^\S+[0-9a-f]{24}/u, ""))).toEqual([" failed", "-2 applied"]);
  });

  test("shows no value of a row that the server quotes", async () => {
    const bench = await open();
    const people = "create table people (name text); insert into people values ('Ada Lovelace')";
    for (const [text, state] of [
      ["alter table people alter name type int using name::int", "22P02"],
      ["do $$ declare n text; begin select name into n from people; raise exception '%', n; end $$", "P0001"],
      [
        "do $$ declare n text; begin select name into n from people; raise check_violation using message = n; end $$",
        "23514",
      ],
      ["alter table people add constraint no_ada check (name <> 'Ada Lovelace')", "23514"],
    ] as const) {
      await bench.write([people, text]);
      const { failure } = await bench.deploy(migrate);
      expect(failure?.errorMessage).toContain(`0001_step.sql`);
      expect(failure?.errorMessage).toContain(state);
      expect(JSON.stringify(failure) + bench.log()).not.toContain("Lovelace");
    }
  });

  test("while it seeded names set, file, line and run, and shows no value of a row", async () => {
    const bench = await open();
    const people = "create table people (name text primary key constraint short check (length(name) < 9))";
    for (const [file, text, told] of [
      [
        "01-people.ndjson",
        '{"name":"Ada"}\n{"name":"Ada Lovelace"}\n',
        "seed.failed: reference/01-people.ndjson line 2, table people: refused by the server with SQLSTATE 23514; its words are left out here, for they may quote a row.",
      ],
      [
        "01-people.mjs",
        `export const seed = { table: "people", columns: ["name"], *rows() { yield ["Ada"]; throw new Error("not Ada Lovelace") } };`,
        "seed.invalid-file: reference/01-people.mjs failed after row 1; the module's own words are left out here, for they may quote a row.",
      ],
      [
        "01-people.mjs",
        `throw new Error("not Ada Lovelace")`,
        "seed.invalid-file: reference/01-people.mjs cannot be loaded; the module's own words are left out here, for they may quote a row.",
      ],
    ] as const) {
      await bench.write([people], { [`reference/${file}`]: text });
      const { failure } = await bench.deploy({ migrate: true, seed: "reference" });
      expect(failure?.errorMessage.slice(0, told.length)).toBe(told);
      const query = /`(select error from postern\.runs where run_id = 'deploy-seed-[0-9a-f]{24}')`/u;
      expect(failure?.errorMessage).toMatch(/ Seed set reference, run deploy-seed-[0-9a-f]{24}: /u);
      const [row] = await bench.rows(query.exec(failure?.errorMessage ?? "")?.[1] ?? "");
      expect(row).toMatchObject({ error: { message: expect.stringContaining(`reference/${file}`) } });
      expect(JSON.stringify(failure) + bench.log()).not.toContain("Lovelace");
    }
  });

  test("that was killed in the middle is taken up: the retry waits, finds it dead, and does the work", async () => {
    const bench = await open();
    await bench.deploy();
    await bench.write(["create table t (id int)", "select pg_sleep(3)", "insert into t values (1)"]);
    const worker = (await descendantsOf(process.pid)).find(({ command }) => command.includes("rapid-client"));
    const killed = bench.deploy(migrate);
    const ofRun = async (what: string) =>
      await bench.rows(`select from pg_stat_activity where application_name like 'postern run deploy-%' and ${what}`);
    const sleeps = async () => (await ofRun("state = 'active' and query like '%pg_sleep(3)%'")).length === 1;
    await waitFor("the first is under way", sleeps, 15_000);
    const retried = bench.deploy(migrate);
    await waitFor("the second watches it", async () => (await ofRun("true")).length === 3, 15_000);
    process.kill(worker?.pid ?? 0, "SIGKILL");
    const outcomes = await Promise.all([killed, retried]);
    expect(outcomes[0].failure).toBeDefined();
    expect(outcomes[1].result).toMatchObject({
      migrate: { runId: expect.stringMatching(/-2$/u), status: "applied", applied: ["0001_step", "0002_step"] },
    });
    expect(await bench.rows("select id from t")).toEqual([{ id: 1 }]);
    expect((await bench.runs()).map((run) => run.split(" ")[1])).toEqual(["lost", "applied"]);
  });
});

describe("a deploy that cannot go on", () => {
  test("on a protected stage, data would be lost: nothing is changed, and it says how to approve", async () => {
    const bench = await open({ isProtected: true });
    const texts = [currencies, "drop table currencies"];
    await bench.write(texts.slice(0, 1));
    await bench.deploy(migrate);
    await bench.write(texts);
    const { failure } = await bench.deploy(migrate);
    expect(failure?.errorMessage).toMatch(/^plan\.unapproved: The database is protected/u);
    const hash = /postern migrate --stage test --approve ([0-9a-f]{64})/u.exec(failure?.errorMessage ?? "")?.[1];
    expect(await bench.rows("select from currencies")).toEqual([]);
    // What it says does it; the next deploy finds the work done.
    const approve = await bench.invoke({ action: "migrate", runId: "by-hand-1", requestedBy: "test", approve: hash });
    expect(approve.result).toMatchObject({ status: "applied" });
    expect((await bench.deploy(migrate)).result).toMatchObject({ migrate: { status: "up-to-date", applied: [] } });
  });

  test("its time is over: it says so, and the next deploy goes on", async () => {
    // No migration begins with less than 20 s left, and the function keeps 10 s to itself.
    const bench = await open({ timeoutMs: 34_000 });
    await bench.write(["create table t (id int)", "select pg_sleep(5)", "insert into t values (1)"]);
    const { failure } = await bench.deploy(migrate);
    expect(failure?.errorMessage).toMatch(
      /^deploy\.unfinished: .* 2 migrations applied and 1 pending .*Deploy again.*postern migrate --stage test --long-run/u,
    );
    expect((await bench.deploy(migrate)).result).toMatchObject({
      migrate: { runId: expect.stringMatching(/-2$/u), applied: ["0002_step"] },
    });
  });

  test("its time is over while it watches the run of another: it says so, and leaves that alone", async () => {
    const bench = await open({ timeoutMs: 14_000 });
    await bench.write([]);
    const { result } = await bench.deploy(migrate);
    const { runId } = (result as { migrate: { runId: string } }).migrate;
    const other = { ...bench.database.address, applicationName: `postern run ${runId}` };
    const { client } = stack.use(await connect(bench.database.address, other));
    await client.query(
      "update postern.runs set ended_at = null, outcome = null, result = null, backend_pid = pg_backend_pid()",
    );
    const { failure } = await bench.deploy(migrate);
    expect(failure?.errorMessage).toMatch(/^deploy\.unfinished: .* before all was done\. Deploy again/u);
    expect(await bench.runs()).toEqual([`${runId} open`]);
  });

  test("a bundle other than the one that is meant: nothing is changed", async () => {
    const bench = await open();
    const info = await bench.write([currencies], seeds);
    for (const other of [{ migrationsHash: "0".repeat(64) }, { seedsHash: "0".repeat(64) }]) {
      const event = deployEvent({ ...info, ...other }, { migrate: true, seed: "reference" });
      expect((await bench.invoke(event)).failure?.errorMessage).toMatch(/^bundle\.stale: The deploy means the /u);
    }
    expect(await bench.rows("select from pg_namespace where nspname = 'postern'")).toEqual([]);
  });

  test.each([
    [{ requestedBy: "x", migrate: true }, "migrationsHash"],
    [{ requestedBy: "x", seed: "reference" }, "seedsHash"],
    [{ requestedBy: "x", migrations: true }, "migrations"],
    [{}, "requestedBy"],
  ])("an event that is not as it should be fails the deploy: %j", async (event, key) => {
    const bench = await open();
    const { failure } = await bench.invoke({ action: "deploy", ...event });
    expect(failure?.errorMessage).toMatch(/^event\.invalid: /u);
    expect(failure?.errorMessage).toContain(key);
  });

  test("a seed set that is not there fails the deploy, and what was migrated stays", async () => {
    const bench = await open();
    await bench.write([currencies], seeds);
    const { failure } = await bench.deploy({ migrate: true, seed: "demo" });
    expect(failure?.errorMessage).toMatch(/^seed\.unknown-set: /u);
    expect(await bench.rows("select from currencies")).toEqual([]);
  });
});
