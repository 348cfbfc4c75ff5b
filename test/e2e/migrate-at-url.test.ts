import { expect, it } from "vitest";
import { runCommand } from "../support/command-line.ts";
import { beginRun } from "#lib/migrate/ledger.ts";
import { useMigrateBench } from "../support/migrate-bench.ts";

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
