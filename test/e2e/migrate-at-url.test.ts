import { expect, it } from "vitest";
import { readProgress } from "#lib/migrate/ledger/progress.ts";
import { quoteIdentifier } from "#lib/postgres/quote.ts";
import { runCommand } from "../support/command-line.ts";
import { beginRun } from "#lib/migrate/ledger/ledger.ts";
import { closeGate, openGate, passGate, useMigrateBench, waitAtGate, waitUntilGone } from "../support/migrate-bench.ts";

import { waitFor } from "../support/wait-for.ts";

/** `postern migrate --url`: what it says, and to what it listens. */
const bench = useMigrateBench();

it("POSTERN_CANCEL ends a run as --cancel does, and applies nothing", async () => {
  const { folder, database, rows } = bench();
  await folder.write(["create table a ()"]);
  const { exitCode, json } = await runCommand(["migrate", "--url", database.url(), "--dir", folder.dir, "--json"], {
    env: { POSTERN_CANCEL: "no-such-run" },
  });
  expect({ exitCode, document: json() }).toMatchObject({ exitCode: 2, document: { error: { code: "run.unknown" } } });
  expect(await rows("select from pg_class where relname = 'a'")).toEqual([]);
});

it("--run-id of a run of another action is refused, with what to do", async () => {
  const { folder, client, run, start } = bench();
  await folder.write(["create table a ()"]);
  await run();
  await folder.write(["create table a ()", "create table b ()"]);
  await beginRun(client, { runId: "a-seed-run", action: "seed", requestedBy: "test" });
  const { exitCode, result } = await start("--run-id", "a-seed-run").ended;
  expect({ exitCode, ...result() }).toMatchObject({
    exitCode: 2,
    error: {
      code: "usage.invalid",
      message: "The run a-seed-run is a seed run: expected a migrate run.",
      hint: expect.stringContaining("--run-id"),
    },
  });
});

const whole = `create table b (); ${passGate(1)}`;
const stepped = `create table b (); ${passGate(1)}; vacuum b`;

it.each([
  ["SIGINT", whole, "finishing 0001_step; Ctrl-C again stops it and keeps nothing of it"],
  ["SIGTERM", whole, "finishing 0001_step; a second signal stops it and keeps nothing of it"],
  ["SIGINT", stepped, "finishing a statement of 0001_step; Ctrl-C again stops it; statements that are done stay"],
] as const)(
  "after %s says what becomes of the migration under way, and at a second one ends",
  async (name, text, said) => {
    const { folder, start, rows } = bench();
    await folder.write(["create table a ()", text]);
    await closeGate(bench(), 1);
    const process = start("--lock-timeout", "60s");
    const pid = await waitAtGate(bench(), 1);
    process.signal(name);
    await waitFor("it said what follows", () => process.stderr().includes(said));
    process.signal(name);
    const { exitCode, result } = await process.ended;
    expect({ exitCode, ...result() }).toMatchObject({
      exitCode: name === "SIGINT" ? 130 : 143,
      error: { code: "aborted" },
    });
    await waitUntilGone(bench(), pid);
    await openGate(bench(), 1);
    const kept = text === stepped ? 1 : 0;
    expect(await rows("select from pg_class where relname = 'b'")).toHaveLength(kept);
  },
);

it("--run-id of a run of another process shows where it stands, and a signal leaves that alone", async () => {
  const { folder, start, client } = bench();
  await folder.write(["create table a ()", whole]);
  await closeGate(bench(), 1);
  const working = start("--lock-timeout", "60s", "--run-id", "watched-run");
  await waitAtGate(bench(), 1);
  // Its second connection writes it down a moment later; who watches sooner sees the migration before.
  const what = async () => (await readProgress(client, "watched-run")).progress?.what;
  await waitFor("the ledger says where it stands", async () => (await what()) === "0001_step");
  const watching = start("--run-id", "watched-run");
  await waitFor("it shows the progress", () =>
    /watching run watched-run\n0001_step \(2 of 2\)/u.test(watching.stderr()),
  );
  watching.signal("SIGINT");
  const end = await watching.ended;
  expect(end).toMatchObject({ exitCode: 130, stderr: expect.stringContaining("the run goes on: watch it again with") });
  await openGate(bench(), 1);
  expect((await working.ended).result()).toMatchObject({ status: "applied", applied: ["0000_step", "0001_step"] });
});

it("a run that waits for another says so in the ledger, for whoever watches it", async () => {
  const { folder, start, client, run } = bench();
  await folder.write(["create table a ()", whole]);
  await closeGate(bench(), 1);
  const first = start("--lock-timeout", "60s", "--run-id", "first-run");
  await waitAtGate(bench(), 1);
  const second = run({ runId: "second-run" });
  const what = async () => (await readProgress(client, "second-run")).progress?.what;
  await waitFor("it tells for whom it waits", async () => (await what()) === "waiting for run first-run to end");
  await openGate(bench(), 1);
  expect((await first.ended).result()).toMatchObject({ status: "applied" });
  expect(await second).toMatchObject({ status: "up-to-date" });
});

it("a refused run is in the ledger, and where that cannot be written the refusal is the answer all the same", async () => {
  const { folder, client, database, rows, run } = bench();
  await folder.write(["create table a ()"]);
  await run();
  await folder.write(["create table edited ()"]);
  const error = { code: "history.edited" };
  expect(await run({ runId: "refused-run" })).toMatchObject({ status: "refused", error });
  const recorded = "select outcome, error from postern.runs where run_id = $1";
  expect(await rows(recorded, ["refused-run"])).toMatchObject([{ outcome: "refused", error }]);
  await client.query(
    `alter database ${quoteIdentifier(database.address.database)} set default_transaction_read_only = on`,
  );
  expect(await run({ runId: "refused-again" })).toMatchObject({ status: "refused", runId: "refused-again", error });
  expect(await rows(recorded, ["refused-again"])).toEqual([]);
});

it.each([
  ["a DO block", "do $$ begin commit; end $$"],
  ["a procedure", "create procedure p() language plpgsql as 'begin rollback; end'; call p()"],
  [
    "a procedure beside what runs alone",
    "create procedure p() language plpgsql as 'begin commit; end'; call p(); vacuum",
  ],
])("%s that ends the transaction is told not to, with a hint of its own", async (_, text) => {
  const { folder, run } = bench();
  await folder.write([text]);
  expect(await run()).toMatchObject({
    status: "failed",
    error: { sqlState: "2D000", hint: expect.stringContaining("take COMMIT and ROLLBACK out of it") },
  });
});

it("a statement that fails as the first of its migration is not said to have others before it", async () => {
  const { folder, run } = bench();
  await folder.write(["vacuum no_such_table"]);
  expect((await run()).error?.hint).toMatch(/^Nothing of this migration was kept\./u);
});

it("a switch's variable that is neither a yes nor a no is refused, and the hint names the verb", async () => {
  const env = { POSTERN_STEAL_LOCK: "maybe" };
  const { exitCode, json } = await runCommand(["migrate", "--url", bench().database.url(), "--json"], { env });
  expect({ exitCode, document: json() }).toMatchObject({
    exitCode: 2,
    document: {
      error: {
        code: "usage.invalid",
        message: expect.stringContaining("POSTERN_STEAL_LOCK=maybe: expected 1, true, yes or on"),
        hint: "See `postern help migrate`.",
      },
    },
  });
});
