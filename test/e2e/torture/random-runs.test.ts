import { randomInt } from "node:crypto";
import { describe, expect, it } from "vitest";
import { type MigrateBench, openMigrateBench } from "../../support/migrate-bench.ts";

/** Mulberry32: the same numbers for the same seed, from 0 up to 1. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Random = ReturnType<typeof seededRandom>;

/** A migration that leaves its number in `effect`, which has no key: in one transaction, or step by step. */
function makeText(number: number, random: Random): string {
  const insert = `insert into effect values (${number})`;
  const nap = `select pg_sleep(${(random() * 0.03).toFixed(3)})`;
  return random() < 0.5
    ? `${insert};\n${nap}`
    : `create table t${number} (id int);\n${insert};\n${nap};\ncreate index concurrently t${number}_idx on t${number} (id);\n${nap}`;
}

/** Runs that are on at the same time; some lose all their connections on the way. */
async function runSome(bench: MigrateBench, random: Random): Promise<void> {
  const folder = await bench.folder.read();
  const count = 1 + Math.floor(random() * 3);
  const killAfterMs = random() < 0.5 ? Math.floor(random() * 120) : undefined;
  const runs = Array.from({ length: count }, async () => bench.run({ folder }).catch(() => undefined));
  if (killAfterMs !== undefined) {
    await bench.rows("select pg_sleep($1)", [killAfterMs / 1000]);
    await bench.rows(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and application_name like 'postern run %' and random() < 0.7`,
    );
  }
  await Promise.all(runs);
}

/** Adds, edits, takes away or gives back; the folder is as it was in the end, and longer. */
function changeFolder(texts: string[], random: Random): { readonly written: string[] } {
  const choice = random();
  if (choice < 0.6 || texts.length < 3) {
    const more = 1 + Math.floor(random() * 2);
    for (let added = 0; added < more; added += 1) texts.push(makeText(texts.length, random));
    return { written: texts };
  }
  const at = 1 + Math.floor(random() * (texts.length - 1));
  if (choice < 0.8) return { written: texts.map((text, index) => (index === at ? `${text} -- edited` : text)) };
  return { written: texts.slice(0, at) };
}

/** A file that was edited while it was pending, and applied, is what it is from then on. */
async function adoptEdited(bench: MigrateBench, texts: string[]): Promise<void> {
  const hashes = new Set((await bench.rows("select hash from drizzle.__drizzle_migrations")).map(({ hash }) => hash));
  const { migrations } = await bench.folder.read();
  for (const { index, text, checksum } of migrations) if (hashes.has(checksum)) texts[index] = text;
}

/** What would be wrong in the database; nothing ever is. */
async function contradictions({ rows }: MigrateBench) {
  const numbers = async (sql: string) => (await rows(sql)).map(({ number }) => Number(number));
  const ofTag = "substring(tag from '^[0-9]+')::int as number";
  const applied = await numbers(`select ${ofTag} from postern.run_migrations where outcome = 'applied'`);
  const begun = new Set([...applied, ...(await numbers(`select ${ofTag} from postern.migration_steps`))]);
  const effects = await numbers("select number from effect");
  const done = new Set(effects);
  return {
    twice: effects.filter((number, index) => effects.indexOf(number) !== index),
    recordedTwice: (await rows("select from drizzle.__drizzle_migrations group by hash having count(*) > 1")).length,
    oneLedgerOnly: (await rows("select from drizzle.__drizzle_migrations")).length - applied.length,
    // An effect is of a migration that is applied, or has come some of its way step by step.
    unrecorded: effects.filter((number) => !begun.has(number)),
    withoutEffect: applied.filter((number) => number !== 0 && !done.has(number)),
  };
}

const none = { twice: [], recordedTwice: 0, oneLedgerOnly: 0, unrecorded: [], withoutEffect: [] };

const seeds =
  process.env["TORTURE_SEED"] === undefined ? [1, 2, randomInt(1, 2 ** 31)] : [Number(process.env["TORTURE_SEED"])];

describe("random interleavings of folder changes, runs and lost connections", () => {
  it.concurrent.each(seeds)(
    "apply nothing twice, and the ledger says what is there (TORTURE_SEED=%i)",
    async (seed) => {
      const random = seededRandom(seed);
      await using bench = await openMigrateBench();
      const texts = ["create table effect (number int)"];
      await bench.folder.write(texts);
      await bench.run();
      for (let step = 1; step <= 100; step += 1) {
        const { written } = changeFolder(texts, random);
        await bench.folder.write(written);
        await runSome(bench, random);
        await adoptEdited(bench, texts);
        expect(await contradictions(bench), `TORTURE_SEED=${seed}, step ${step}`).toEqual(none);
      }
      await bench.folder.write(texts);
      expect(await bench.run(), `TORTURE_SEED=${seed}, at the end`).toMatchObject({ pending: [] });
      expect(await contradictions(bench), `TORTURE_SEED=${seed}, at the end`).toEqual(none);
      const numbers = (await bench.rows("select number from effect order by number")).map(({ number }) => number);
      expect(numbers).toEqual(texts.slice(1).map((_, index) => index + 1));
    },
    120_000,
  );
});
