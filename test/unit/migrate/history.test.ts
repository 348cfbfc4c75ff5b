import { describe, expect, it } from "vitest";
import { compareHistory } from "#lib/migrate/history.ts";
import type { Migration } from "#lib/migrate/source.ts";

const migration = (index: number, text = `m${index}`): Migration => ({
  index,
  tag: `000${index}_${text}`,
  when: 1000 + index * 10,
  checksum: `sum-${text}`,
  file: `000${index}_${text}.sql`,
  text,
  statements: [],
});
const rowOf = ({ checksum, when }: Migration) => ({ checksum, when });
const [first, second, third] = [migration(0), migration(1), migration(2)] as const;
const folder = { migrations: [first, second, third] };
const codes = (rows: Parameters<typeof compareHistory>[1]) => compareHistory(folder, rows).findings.map((f) => f.code);

describe("compareHistory", () => {
  it("has everything pending on an empty database", () => {
    const history = compareHistory(folder, []);
    expect(history.pending).toEqual([first, second, third]);
    expect(history.findings).toEqual([]);
  });

  it("has what comes after the applied ones pending, in journal order", () => {
    const history = compareHistory(folder, [rowOf(first)]);
    expect(history.applied.map(({ migration: { tag } }) => tag)).toEqual([first.tag]);
    expect(history.pending).toEqual([second, third]);
  });

  it("tells the ledger's time of an applied migration, and drizzle's where the ledger has none", () => {
    const appliedAt = new Date("2026-02-03T04:05:06Z");
    const history = compareHistory(folder, [{ ...rowOf(first), appliedAt }, rowOf(second)]);
    expect(history.applied.map(({ at }) => at)).toEqual([appliedAt, new Date(second.when)]);
  });

  it("finds an applied file that was edited", () => {
    expect(codes([rowOf(first), { when: second.when, checksum: "other" }])).toEqual(["history.edited"]);
  });

  it("finds an applied migration whose file is gone", () => {
    expect(codes([rowOf(first), { when: 1005, checksum: "gone" }, rowOf(third)])).toContain("history.missing-file");
  });

  it("finds a database that is newer than the folder", () => {
    expect(codes([...folder.migrations.map(rowOf), { when: 5000, checksum: "new" }])).toEqual([
      "history.database-ahead",
    ]);
  });

  it("finds a pending migration older than an applied one", () => {
    const history = compareHistory(folder, [rowOf(first), rowOf(third)]);
    expect(history.findings).toEqual([expect.objectContaining({ code: "history.out-of-order", tag: second.tag })]);
  });

  it("finds a migration that is recorded twice", () => {
    expect(codes([rowOf(first), rowOf(first)])).toEqual(["history.duplicate"]);
  });

  it("takes a migration whose journal time changed but whose text did not as applied", () => {
    const history = compareHistory(folder, [{ when: 999, checksum: first.checksum }]);
    expect(history.pending).toEqual([second, third]);
    expect(history.findings).toEqual([]);
  });

  it("keeps two migrations with the same text apart by their time", () => {
    const twins = { migrations: [migration(0, "same"), migration(1, "same")] };
    const history = compareHistory(twins, [rowOf(migration(0, "same"))]);
    expect(history.pending.map(({ index }) => index)).toEqual([1]);
    expect(history.findings).toEqual([]);
  });
});
