import { expect, it } from "vitest";
import { type AppliedRow, compareHistory } from "#lib/migrate/history/history.ts";
import type { Migration } from "#lib/migrate/folder/source.ts";

/** mulberry32: small, and the same on every machine, so that a failure can be repeated by its seed. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

type Case = {
  readonly format: "journal" | "folders";
  readonly migrations: readonly Migration[];
  readonly rows: readonly AppliedRow[];
};

/** A folder and the rows of some of its migrations; then each was edited, deleted, moved, or doubled at random. */
function makeCase(seed: number): Case {
  const random = createRandom(seed);
  const format = random(2) === 0 ? "journal" : "folders";
  const count = random(9);
  const make = (index: number, second: number): Migration => {
    // Few texts and few times, so that they meet.
    const text = `text ${random(6)}`;
    const name = `${String(second).padStart(14, "0")}_${index}`;
    const when = format === "journal" ? second * 1000 + index : second * 1000;
    return { index, tag: name, when, name, checksum: text, file: `${name}.sql`, text, statements: [] };
  };
  const before = Array.from({ length: count }, (_, index) => make(index, random(5) + index));
  const hasNames = random(2) === 0;
  const rows = before
    .filter(() => random(3) > 0)
    .flatMap(({ checksum, when, name }) => {
      const row: AppliedRow = { checksum, when: when + (hasNames ? 0 : random(2)), name: hasNames ? name : undefined };
      return random(6) === 0 ? [row, row] : [row];
    });
  const foreign = random(4) === 0 ? [{ checksum: "foreign", when: random(20_000) }] : [];
  const after = before.flatMap((migration): Migration[] => {
    switch (random(6)) {
      case 0:
        return [];
      case 1:
        return [{ ...migration, checksum: `text ${random(6)}` }];
      case 2:
        return [{ ...migration, when: migration.when + 1000 * (1 + random(3)) }];
      default:
        return [migration];
    }
  });
  const added = random(3) === 0 ? [make(count, count + 5)] : [];
  const migrations = [...after, ...added].map((migration, index) => Object.assign(migration, { index }));
  const shuffled = [...rows, ...foreign].toSorted((a, b) => a.checksum.localeCompare(b.checksum) || a.when - b.when);
  return { format, migrations, rows: random(2) === 0 ? shuffled : [...rows, ...foreign] };
}

const seeds = Array.from({ length: 5000 }, (_, seed) => seed);

it("accounts for every migration and every row, in any folder and table", () => {
  for (const seed of seeds) {
    const { rows, ...folder } = makeCase(seed);
    const { applied, pending, findings } = compareHistory(folder, rows);
    const seen = [...applied.map(({ migration }) => migration), ...pending].toSorted((a, b) => a.index - b.index);
    expect(seen, `seed ${seed}: migrations`).toEqual(folder.migrations);
    const unmatched = findings.filter(({ code }) => /missing-file|database-ahead|duplicate/u.test(code)).length;
    expect(applied.length + unmatched, `seed ${seed}: rows`).toBe(rows.length);
  }
});

it("never calls a migration pending while a row of its own is unaccounted for or another's", () => {
  for (const seed of seeds) {
    const { rows, format, migrations } = makeCase(seed);
    const { pending } = compareHistory({ format, migrations }, rows);
    for (const migration of pending) {
      // As many rows as migrations would be needed for each to have its own.
      const alike = (one: Migration | AppliedRow) => one.when === migration.when && one.checksum === migration.checksum;
      const own = format === "folders" ? rows.filter(({ name }) => name === migration.name) : rows.filter(alike);
      const rivals = format === "folders" ? 0 : migrations.filter(alike).length - 1;
      expect(own.length, `seed ${seed}: ${migration.name}`).toBeLessThanOrEqual(rivals);
    }
  }
});

it("never lets a migration run whose time a row has, in a journal: it is edited, not pending", () => {
  for (const seed of seeds) {
    const { rows, format, migrations } = makeCase(seed);
    if (format === "folders") continue;
    const { pending } = compareHistory({ format, migrations }, rows);
    for (const { when, name } of pending) {
      const own = rows.filter((row) => row.when === when);
      const rivals = migrations.filter((other) => other.when === when).length - 1;
      expect(own.length, `seed ${seed}: ${name}`).toBeLessThanOrEqual(rivals);
    }
  }
});

it("finds the same whatever the order of the rows", () => {
  for (const seed of seeds.slice(0, 1000)) {
    const { rows, ...folder } = makeCase(seed);
    const one = compareHistory(folder, rows);
    const other = compareHistory(folder, rows.toReversed());
    expect(other, `seed ${seed}`).toEqual(one);
  }
});

/** How often the comparison looks at a field of a migration or a row, for `count` of each, of which the last ten are pending. */
function countReads(count: number): number {
  let reads = 0;
  const watch = <Value extends object>(value: Value): Value =>
    new Proxy(value, {
      get: (target, field) => {
        reads += 1;
        return Reflect.get(target, field) as unknown;
      },
    });
  const migrations = Array.from({ length: count }, (_, index): Migration => {
    const tag = `${index}_step`;
    return watch({
      index,
      tag,
      when: index,
      name: tag,
      checksum: `sum ${index % 3}`,
      file: `${tag}.sql`,
      text: "",
      statements: [],
    });
  });
  const rows = migrations.slice(0, -10).map(({ checksum, when }): AppliedRow => watch({ checksum, when }));
  reads = 0;
  expect(compareHistory({ migrations }, rows).pending).toHaveLength(10);
  return reads;
}

it("looks at twice as much for a history that is twice as long, and not at four times", () => {
  const reads = countReads(5000);
  expect(reads).toBeLessThan(5000 * 60);
  expect(countReads(10_000) / reads).toBeLessThan(2.2);
});
