import { describe, expect, it } from "vitest";
import { buildInsert } from "#lib/migrate/seed/write/insert.ts";
import type { SeedTarget, TargetColumn, UniqueKey } from "#lib/migrate/seed/write/target.ts";

function column(name: string, rest: Partial<TargetColumn> = {}): TargetColumn {
  return { name, type: "text", kind: "text", isGenerated: false, isIdentityAlways: false, sequence: null, ...rest };
}

function target(
  columns: readonly TargetColumn[],
  keys: readonly (Partial<UniqueKey> & Pick<UniqueKey, "columns">)[],
): SeedTarget {
  return {
    table: "t",
    oid: "1",
    sql: '"public"."t"',
    columns: new Map(columns.map((one) => [one.name, one])),
    uniqueKeys: keys.map((key) => ({ isPrimary: false, isPlain: true, ...key })),
  };
}

const where = "s/1-t.ts";
const people = target(
  [column("id", { type: "bigint", isIdentityAlways: true }), column("email"), column("full", { isGenerated: true })],
  [{ columns: ["id"], isPrimary: true }, { columns: ["email"] }],
);

describe("buildInsert", () => {
  it("casts each value and passes over rows whose primary key is there", () => {
    expect(buildInsert(people, ["id", "email"], { where }).sql).toBe(
      'insert into "public"."t" ("id", "email") overriding system value select c0::bigint, c1::text' +
        ' from unnest($1::text[], $2::text[]) as u (c0, c1) on conflict ("id") do nothing',
    );
  });

  it("quotes a hostile column name", () => {
    const name = 'a" ) values (1); drop table t; --';
    const { sql } = buildInsert(target([column(name)], [{ columns: [name] }]), [name], { where, conflict: [name] });
    expect(sql).toContain('("a"" ) values (1); drop table t; --") select');
    expect(sql).toMatch(/on conflict \("a"" \) values .*"\) do nothing$/);
  });

  it("lets any unique key decide when the file leaves the primary key to the database", () => {
    expect(buildInsert(people, ["email"], { where }).sql).toMatch(/ on conflict do nothing$/);
  });

  it("takes the key that the file names, in any order", () => {
    const pairs = target([column("a"), column("b")], [{ columns: ["a", "b"] }]);
    expect(buildInsert(pairs, ["a", "b"], { where, conflict: ["b", "a"] }).sql).toMatch(
      / on conflict \("b", "a"\) do nothing$/,
    );
  });

  it.each([
    [
      "a column that is not there",
      people,
      { names: ["id", "emial"] },
      /^s\/1-t.ts: table t has no column "emial"\.$/,
      "Its columns: id, email, full.",
    ],
    ["a computed column", people, { names: ["id", "full"] }, /computes column full/, "Leave it out."],
    [
      "a key that is none",
      people,
      { names: ["id", "email"], conflict: ["id", "email"] },
      /no unique key on \(id, email\)/,
      "Its unique keys: (id), (email).",
    ],
    ["a key that the rows lack", people, { names: ["email"], conflict: ["id"] }, /lack the key \(id\)/, "double"],
    [
      "rows without any key",
      target([column("a"), column("b")], [{ columns: ["b"] }]),
      { names: ["a"] },
      /hold no unique key of table t/,
      "double",
    ],
    [
      "a table without any key",
      target([column("a")], []),
      { names: ["a"] },
      /hold no unique key of table t/,
      "no unique key at all",
    ],
    [
      "a partial index as key",
      target([column("a")], [{ columns: ["a"], isPlain: false }]),
      { names: ["a"], conflict: ["a"] },
      /no unique key on \(a\)/,
      "no unique key",
    ],
  ])("refuses %s", (_, table, { names, ...about }: { names: string[]; conflict?: string[] }, message, hint) => {
    const build = () => buildInsert(table, names, { where, ...about });
    expect(build).toThrow(
      expect.objectContaining({
        code: "seed.invalid-file",
        message: expect.stringMatching(message),
        hint: expect.stringContaining(hint),
      }),
    );
  });
});
