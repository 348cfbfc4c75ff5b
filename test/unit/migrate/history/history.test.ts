import { describe, expect, it } from "vitest";
import { type HistoryCode, historyOverrides } from "#lib/contract.ts";
import { type ErrorCode, PosternError } from "#lib/base/errors.ts";
import { type AppliedRow, compareHistory, findRefused, withHalfApplied } from "#lib/migrate/history/history.ts";
import type { Migration } from "#lib/migrate/folder/source.ts";

const migration = (index: number, text = `m${index}`): Migration => ({
  index,
  tag: `000${index}_${text}`,
  when: 1000 + index * 10,
  name: `19700101000001_${text}`,
  checksum: `sum-${text}`,
  file: `000${index}_${text}.sql`,
  text,
  statements: [],
});
const rowOf = ({ checksum, when }: Migration): AppliedRow => ({ checksum, when });
const [first, second, third] = [migration(0), migration(1), migration(2)] as const;
const folder = { migrations: [first, second, third] };
const codes = (rows: readonly AppliedRow[]) => compareHistory(folder, rows).findings.map(({ code }) => code);
const tagsOf = (migrations: readonly Pick<Migration, "tag">[]) => migrations.map(({ tag }) => tag);

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
    expect(codes([rowOf(first), { when: 1005, checksum: "gone" }, rowOf(second), rowOf(third)])).toEqual([
      "history.missing-file",
    ]);
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

  it("goes by the table's time of what is applied too, as drizzle 0.45 does", () => {
    const { findings } = compareHistory(folder, [rowOf(first), { ...rowOf(second), when: 5000 }]);
    expect(findings).toMatchObject([{ code: "history.out-of-order", tag: third.tag }]);
  });

  it("finds a migration that is recorded twice, with the same text or another", () => {
    expect(codes([rowOf(first), rowOf(first)])).toEqual(["history.duplicate"]);
    expect(codes([rowOf(first), { when: first.when, checksum: "other" }])).toEqual(["history.duplicate"]);
  });

  it("finds an SQL file that is none of the folder's migrations", () => {
    const { findings, pending } = compareHistory({ ...folder, unlisted: ["0003_lost.sql"] }, []);
    expect(findings).toMatchObject([{ code: "history.unlisted-file", tag: "0003_lost" }]);
    expect(tagsOf(pending)).not.toContain("0003_lost");
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

  it("takes a row as the edited migration's whose time it has, wherever its old text stands now", () => {
    const copied = { ...third, checksum: "old text of the second" };
    const history = compareHistory({ migrations: [first, second, copied] }, [
      rowOf(first),
      { when: second.when, checksum: "old text of the second" },
    ]);
    expect(tagsOf(history.pending)).toEqual([third.tag]);
    expect(history.findings).toMatchObject([{ code: "history.edited", tag: second.tag }]);
  });

  it.each([Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 0])("tells of a row with the time %d", (when) => {
    expect(compareHistory(folder, [{ when, checksum: "foreign" }]).findings).toHaveLength(when <= 0 ? 1 : 4);
  });
});

/** As drizzle 1.0 has them: a time to the second, and a name that begins with it. */
const at = (index: number, seconds: number, text = `m${index}`): Migration => ({
  ...migration(index, text),
  when: seconds * 1000,
  tag: `1970010100000${seconds}_${text}`,
  name: `1970010100000${seconds}_${text}`,
});
const named = ({ checksum, when, name }: Migration): AppliedRow => ({ checksum, when, name });

describe("compareHistory of a folder of drizzle 1.0", () => {
  const [a, b, c] = [at(0, 1), at(1, 2), at(2, 3)] as const;
  const compare = (rows: readonly AppliedRow[], migrations = [a, b, c]) =>
    compareHistory({ format: "folders", migrations }, rows);

  it("matches by name, whatever the time says", () => {
    const history = compare([{ ...named(a), when: 77_777 }, named(b)]);
    expect({ pending: tagsOf(history.pending), findings: history.findings }).toEqual({
      pending: [c.tag],
      findings: [],
    });
  });

  it("takes drizzle 0.45's rows, whose times have milliseconds, as those of the same second", () => {
    const history = compare([
      { checksum: a.checksum, when: 1234 },
      { checksum: "before it was edited", when: 2987 },
    ]);
    expect(tagsOf(history.pending)).toEqual([c.tag]);
    expect(history.findings).toMatchObject([{ code: "history.edited", tag: b.tag }]);
  });

  it("keeps two of the same second apart by name, and by text where a row has no name", () => {
    const twin = at(2, 2, "twin");
    const byName = compare([named(a), named(twin)], [a, b, twin]);
    expect(tagsOf(byName.pending)).toEqual([b.tag]);
    expect(byName.findings).toMatchObject([{ code: "history.out-of-order", tag: b.tag }]);
    const byText = compare([named(a), { checksum: twin.checksum, when: 2500 }], [a, b, twin]);
    expect(tagsOf(byText.pending)).toEqual([b.tag]);
  });

  it("does not take another name of the same second for an edited file", () => {
    const gone = { checksum: "gone", when: b.when, name: "19700101000002_gone" };
    const history = compare([named(a), gone, named(c)]);
    expect(history.findings).toMatchObject([
      { code: "history.missing-file", message: expect.stringContaining(gone.name) },
      { code: "history.out-of-order", tag: b.tag },
    ]);
  });

  it("takes a folder that was renamed, with its text as it was, as applied", () => {
    const history = compare([{ ...named(a), name: "19700101000009_old-name" }]);
    expect(tagsOf(history.pending)).toEqual([b.tag, c.tag]);
  });
});

describe("findRefused", () => {
  const compared = compareHistory({ ...folder, unlisted: ["x.sql"] }, [
    rowOf(second),
    { when: third.when, checksum: "edited" },
    rowOf(second),
    { when: 1005, checksum: "gone" },
    { when: 9999, checksum: "newer" },
  ]);
  const history = withHalfApplied(compared, new Set(["renamed"]));
  const all = Object.keys(historyOverrides) as HistoryCode[];

  it("lets go what is allowed, and nothing else", () => {
    expect(
      findRefused(history)
        .map(({ code }) => code)
        .toSorted(),
    ).toEqual(all.toSorted());
    for (const code of all) {
      const left = findRefused(history, [code]).map((finding) => finding.code);
      expect(left.toSorted()).toEqual(all.filter((other) => other !== code).toSorted());
    }
    expect(findRefused(history, all)).toEqual([]);
  });

  it("knows a flag for every code, and each code's hint names it", () => {
    const flags: Readonly<Record<Extract<ErrorCode, `history.${string}`>, string>> = historyOverrides;
    for (const [code, flag] of Object.entries(flags)) {
      expect(new PosternError(code as ErrorCode, "").hint).toContain(`--${flag}`);
    }
  });
});
