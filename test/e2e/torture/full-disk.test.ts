import { chown, stat } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { clusterPath } from "#lib/local/postgres/home.ts";
import { openMigrateBench } from "../../support/migrate-bench.ts";
import { startTestServer } from "../../support/postgres.ts";
import { canMountSmallDisk, mountSmallDisk } from "../../support/small-disk.ts";

const mayMount = await canMountSmallDisk();
if (!mayMount) process.emitWarning("full-disk: skipped, because only root may mount a tmpfs");

describe("a disk that is full", () => {
  it.skipIf(!mayMount)(
    "fails the migration with its name, its statement and 53100; nothing of it is kept",
    async () => {
      await using stack = new AsyncDisposableStack();
      const disk = await mountSmallDisk(stack);
      const server = stack.use(await startTestServer());
      const { uid, gid } = await stat(clusterPath(server.dataDir));
      await chown(disk, uid, gid);
      const bench = stack.use(await openMigrateBench(server));
      await bench.client.query(`create tablespace small location '${disk}'`);
      const fill = `create table big (body text) tablespace small;
      insert into big select repeat(md5(n::text), 30) from generate_series(1, 20000) n;
      create table behind ()`;
      await bench.folder.write(["create table before ()", fill]);
      const failed = await bench.run();
      expect(failed).toMatchObject({ status: "failed", applied: ["0000_step"], pending: ["0001_step"] });
      expect(failed.error).toMatchObject({ code: "migrate.failed", sqlState: "53100" });
      expect(failed.error?.message).toContain("0001_step, statement 2 of 3");
      expect(await bench.rows("select tablename from pg_tables where schemaname = 'public'")).toEqual([
        { tablename: "before" },
      ]);
      await bench.folder.write(["create table before ()", fill.replace("20000", "20")]);
      expect(await bench.run()).toMatchObject({ status: "applied", applied: ["0001_step"] });
    },
  );

  it("for temporary files fails a migration in the same way (53400)", async () => {
    await using bench = await openMigrateBench();
    await bench.folder.write([
      "create table before ()",
      "set temp_file_limit = '1MB'; set work_mem = '64kB';\nselect count(*) from (select n from generate_series(1, 2000000) n order by n desc) s",
    ]);
    const failed = await bench.run();
    expect(failed).toMatchObject({ status: "failed", applied: ["0000_step"], error: { sqlState: "53400" } });
    expect(failed.error?.message).toContain("0001_step, statement 3 of 3");
    expect(failed.error?.message).toContain("0001_step.sql:2:");
  });
});
