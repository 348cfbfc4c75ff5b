import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { repositoryRoot } from "../support/command-line.ts";
import { isInstalled } from "../support/debian.ts";
import { startProgram } from "../support/program.ts";

const main = join(repositoryRoot, "bench", "runner", "main.ts");

type Document = {
  readonly migrations: readonly { readonly name: string; readonly applyMs: readonly number[] }[];
  readonly seeds: { readonly times: readonly { readonly name: string; readonly rowsPerSecond: readonly number[] }[] };
  readonly memory: readonly { readonly maxRssMb: number }[];
  readonly locks: readonly { readonly name: string; readonly reads: number }[];
  readonly goals: readonly { readonly goal: string }[];
};

it("the comparison of the runner runs, every part and every peer, and writes what it measured", async () => {
  const dir = await mkdtemp(join(tmpdir(), "postern-bench-test-"));
  onTestFinished(async () => rm(dir, { recursive: true }));
  const file = join(dir, "result.json");
  await using bench = startProgram(main, ["--quick", "--json", file], { cwd: repositoryRoot });
  const lines: string[] = [];
  for (let line = await bench.nextLine(); line !== undefined; line = await bench.nextLine()) lines.push(line);
  expect({ code: await bench.exitCode, stderr: bench.stderr() }).toMatchObject({ code: 0 });

  const document = JSON.parse(await readFile(file, "utf8")) as Document;
  const psql = isInstalled("psql") ? 1 : 0;
  expect(document.migrations).toHaveLength(5 + psql);
  expect(document.migrations.every(({ applyMs }) => applyMs.length === 1 && (applyMs[0] ?? 0) > 0)).toBe(true);
  expect(document.seeds.times.map(({ name }) => name)).toContain("postern, NDJSON");
  expect(document.memory).toHaveLength(2);
  expect(document.locks.map(({ name }) => name)).toEqual(["postern", "drizzle"]);
  expect(document.locks.every(({ reads }) => reads > 0)).toBe(true);
  for (const { goal } of document.goals) expect(lines.some((line) => line.startsWith(goal))).toBe(true);
  expect(JSON.stringify(document)).not.toContain("password");
});

it("a part that does not exist is refused before anything starts", async () => {
  await using bench = startProgram(main, ["--only", "speed"], { cwd: repositoryRoot });
  expect(await bench.exitCode).toBe(1);
  expect(bench.stderr()).toContain("--only speed: expected some of migrations, seeds, memory, locks");
});
