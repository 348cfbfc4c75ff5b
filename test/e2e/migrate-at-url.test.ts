import { expect, it } from "vitest";
import { runCommand } from "../support/command-line.ts";
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
