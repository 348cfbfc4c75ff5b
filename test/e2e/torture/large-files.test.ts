import { createWriteStream } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { type MigrateProcess, startMigrate } from "../../support/migrate-process.ts";
import { useMigrateBench } from "../../support/migrate-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

const bench = useMigrateBench();

const MiB = 1024 * 1024;
const breakpoint = "\n--> statement-breakpoint\n";

/** Writes a folder of `create table note` and one file of so many MiB, in pieces: this process need not hold it. */
async function writeLarge(size: number, parts: { begin?: string; piece: (n: number) => string; end?: string }) {
  const { dir } = bench().folder;
  await mkdir(join(dir, "meta"), { recursive: true });
  const entries = ["0000_table", "0001_large"].map((tag, idx) => ({ idx, tag, when: 1_700_000_000_000 + idx }));
  await writeFile(join(dir, "meta", "_journal.json"), JSON.stringify({ entries }));
  await writeFile(join(dir, "0000_table.sql"), "create table note (id bigint, body text)");
  const file = createWriteStream(join(dir, "0001_large.sql"));
  file.write(parts.begin ?? "");
  let written = 0;
  let count = 0;
  for (; written < size * MiB; count += 1) {
    const piece = parts.piece(count);
    written += Buffer.byteLength(piece);
    if (!file.write(piece)) await once(file, "drain");
  }
  file.end(parts.end ?? "");
  await once(file, "finish");
  return count;
}

/** Samples again and again until the process has ended. */
async function whileItRuns(child: MigrateProcess, sample: () => Promise<void>): Promise<void> {
  const end = { isThere: false };
  child.ended.finally(() => (end.isThere = true)).catch(() => undefined);
  const isOver = async () => {
    await sample();
    return end.isThere;
  };
  await waitFor("the process ends", isOver, 100_000);
}

/** The most memory that a process ever had (proc(5), VmHWM), in MiB. */
async function peakMemory(child: MigrateProcess): Promise<number> {
  let peak = 0;
  await whileItRuns(child, async () => {
    const status = await readFile(`/proc/${child.pid}/status`, "utf8").catch(() => "");
    // Only the last one counts: before it becomes another program the process has this one's memory.
    const seen = /VmHWM:\s+(\d+) kB/u.exec(status)?.[1];
    if (seen !== undefined) peak = Number(seen) / 1024;
  });
  return peak;
}

const body = "x".repeat(900);
const row = (n: number) => `(${n}, '${body}')`;

describe.runIf(process.platform === "linux")("a migration file of 50 MB", () => {
  it.each([
    ["of one INSERT", { begin: "insert into note values (-1, '')", piece: (n: number) => `,\n${row(n)}` }, 1],
    [
      "of one INSERT with letters beyond Latin-1",
      { begin: "insert into note values (-1, 'Ж')", piece: (n: number) => `,\n${row(n)}` },
      1,
    ],
    ["of many statements", { piece: (n: number) => `insert into note values ${row(n)};\n` }, 0],
    [
      "of many statements with breakpoints",
      {
        piece: (n: number) => `insert into note values ${[0, 1, 2, 3, 4, 5].map(() => row(n)).join(",")};${breakpoint}`,
        end: "select",
      },
      0,
    ],
  ])(
    "%s runs within 512 MB of memory",
    async (_, parts, more) => {
      const pieces = await writeLarge(50, parts);
      const { database, folder, stack } = bench();
      const child = stack.use(startMigrate({ url: database.url(), dir: folder.dir }));
      const [peak, end] = await Promise.all([peakMemory(child), child.ended]);
      expect(end.result()).toMatchObject({ status: "applied", applied: ["0000_table", "0001_large"] });
      const [found] = await bench().rows("select count(distinct id)::int as ids from note");
      expect(found).toEqual({ ids: pieces + more });
      expect(peak).toBeGreaterThan(50);
      expect(peak).toBeLessThan(512);
    },
    120_000,
  );

  it("that commits by itself is not recorded as applied, and is told as what it is", async () => {
    await writeLarge(50, { piece: (n) => `insert into note values ${row(n)};\n`, end: `commit;${breakpoint}begin` });
    const end = await bench().start().ended;
    expect(end.result()).toMatchObject({
      status: "failed",
      applied: ["0000_table"],
      pending: ["0001_large"],
      error: { code: "migrations.own-transaction" },
    });
    expect(await bench().rows("select from drizzle.__drizzle_migrations")).toHaveLength(1);
  }, 120_000);
});

const rowsOf = (count: number) => Array.from({ length: count }, (_, n) => `(${n}, '${"y".repeat(20)}')`).join(",\n");

describe("the lease's heartbeat", () => {
  it.each([
    ["", []],
    [" and judged", ["--protected"]],
  ])(
    "goes on while files just below the parser's limit are read%s",
    async (_, args) => {
      const { folder, start, rows } = bench();
      const large = `insert into note values ${rowsOf(115_000)}`;
      expect(Buffer.byteLength(large)).toBeGreaterThan(3.5 * MiB);
      expect(Buffer.byteLength(large)).toBeLessThan(4 * MiB);
      const texts = ["create table note (id bigint, body text)", ...Array<string>(4).fill(large), "select pg_sleep(1)"];
      await folder.write(texts);
      const child = start(...args);
      let longestMs = 0;
      await whileItRuns(child, async () => {
        const isMade = await rows("select to_regclass('postern.lease') is not null as made");
        if (isMade[0]?.["made"] !== true) return;
        const [age] = await rows(
          `select extract(epoch from clock_timestamp() - renewed_at)::float8 * 1000 as ms from postern.lease
         where token > 0 and exists (select from postern.runs where ended_at is null)`,
        );
        longestMs = Math.max(longestMs, Number(age?.["ms"] ?? 0));
      });
      expect((await child.ended).result()).toMatchObject({ status: "applied" });
      expect(longestMs).toBeLessThan(6000);
    },
    120_000,
  );
});
