import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { runCommand } from "../../support/command-line.ts";
import { makeMigrationFolder } from "../../support/migration-folder.ts";
import { createTestDatabase } from "../../support/postgres.ts";

it.each(["drizzle.__drizzle_migrations", "postern.lease", "pg_catalog.pg_class"])(
  "a seed set does not write %s, which is nobody's data",
  async (table) => {
    await using database = await createTestDatabase();
    await using folder = await makeMigrationFolder();
    await folder.write(["create table t ()"]);
    const at = ["--url", database.url(), "--dir", folder.dir, "--json"];
    expect((await runCommand(["migrate", ...at])).exitCode).toBe(0);
    await mkdir(join(folder.dir, "seeds", "evil"), { recursive: true });
    await writeFile(
      join(folder.dir, "seeds", "evil", `10-${table}.csv`),
      "hash,created_at,id\nabc,1900000000000,999\n",
    );
    expect((await runCommand(["seed", "--set", "evil", ...at])).json()).toMatchObject({
      error: { code: "seed.invalid-file", message: expect.stringContaining("not for seeds") },
    });
  },
);
