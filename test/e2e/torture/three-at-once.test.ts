import { describe, expect, it } from "vitest";
import { openMigrateBench } from "../../support/migrate-bench.ts";

const texts = [
  "create table effect (tag text)",
  "insert into effect values ('1');\n--> statement-breakpoint\nselect pg_sleep(0.02)",
  "create table late (); insert into effect values ('2')",
];

describe("three runners at once", () => {
  it.each(Array.from({ length: 20 }, (_, round) => round + 1))("apply everything once (round %i)", async () => {
    await using bench = await openMigrateBench();
    await bench.folder.write(texts);
    const results = await Promise.all([bench.run(), bench.run(), bench.run()]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(["applied", "up-to-date", "up-to-date"]);
    expect(await bench.rows("select tag from effect order by tag")).toEqual([{ tag: "1" }, { tag: "2" }]);
    expect(await bench.rows("select hash from drizzle.__drizzle_migrations")).toHaveLength(3);
    expect(await bench.rows("select from postern.run_migrations where outcome = 'applied'")).toHaveLength(3);
  });

  it.each([1, 2, 3, 4])("apply everything once as processes (round %i)", async () => {
    await using bench = await openMigrateBench();
    await bench.folder.write(texts);
    const ends = await Promise.all([bench.start(), bench.start(), bench.start()].map(async ({ ended }) => ended));
    expect(ends.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0]);
    expect(ends.map(({ result }) => result().status).toSorted()).toEqual(["applied", "up-to-date", "up-to-date"]);
    expect(await bench.rows("select tag from effect order by tag")).toEqual([{ tag: "1" }, { tag: "2" }]);
  });
});
