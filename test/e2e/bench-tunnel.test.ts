import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { repositoryRoot } from "../support/command-line.ts";
import { isInstalled } from "../support/debian.ts";
import { startProgram } from "../support/program.ts";

const main = join(repositoryRoot, "bench", "tunnel", "main.ts");

type Document = {
  readonly ready: readonly { readonly name: string; readonly readyMs: readonly number[] }[];
  readonly roundTrips: readonly { readonly name: string; readonly medianMs: readonly number[] }[];
  readonly throughput: readonly { readonly name: string; readonly megabytesPerSecond: readonly number[] }[];
  readonly sessions: readonly { readonly sessions: number }[];
  readonly returns: readonly { readonly kind: string; readonly drops: number }[];
  readonly starts: { readonly starts: number; readonly hangs: number; readonly sessionsLeft: number };
  readonly goals: readonly { readonly goal: string }[];
};

// The chaos has a test of its own.
const parts = "ready,round-trip,throughput,sessions,returns,starts";

it("the comparison of the tunnel runs, and writes what it measured", { timeout: 180_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), "postern-bench-test-"));
  onTestFinished(async () => rm(dir, { recursive: true }));
  const file = join(dir, "result.json");
  await using bench = startProgram(main, ["--quick", "--only", parts, "--json", file], { cwd: repositoryRoot });
  const lines: string[] = [];
  for (let line = await bench.nextLine(); line !== undefined; line = await bench.nextLine()) lines.push(line);
  expect({ code: await bench.exitCode, stderr: bench.stderr() }).toMatchObject({ code: 0 });

  const text = await readFile(file, "utf8");
  const document = JSON.parse(text) as Document;
  const hasSsh = isInstalled("sshd") && isInstalled("ssh-keygen");
  const withSsh = (...names: string[]) => [...names, ...(hasSsh ? ["ssh", "ssh -L"] : [])];
  expect(document.ready.map(({ name }) => name)).toContain("ssm-tunnel");
  expect(document.ready.every(({ readyMs }) => readyMs.every((ms) => ms > 0))).toBe(true);
  expect(document.roundTrips.map(({ name }) => name)).toEqual(withSsh("raw socket", "ssm", "direct"));
  expect(document.throughput).toHaveLength(2 * withSsh("raw", "16 KiB", "1 KiB").length);
  expect(document.throughput.every(({ megabytesPerSecond: [rate = 0] }) => rate > 0)).toBe(true);
  expect(document.sessions.map(({ sessions }) => sessions)).toEqual([1, 8, 1, 8]);
  expect(document.returns.at(-1)).toMatchObject({ kind: "all", drops: 4 });
  expect(document.starts).toMatchObject({ starts: 5, hangs: 0, failures: [], sessionsLeft: 0 });
  for (const { goal } of document.goals) expect(lines.some((line) => line.startsWith(goal))).toBe(true);
  expect(text).not.toMatch(/password|secretAccessKey/u);
});

it("a part that does not exist is refused before anything starts", async () => {
  await using bench = startProgram(main, ["--only", "speed"], { cwd: repositoryRoot });
  expect(await bench.exitCode).toBe(1);
  expect(bench.stderr()).toContain("--only speed: expected some of ready, round-trip");
});

it("the soak runs, and judges what it saw", async () => {
  await using soak = startProgram(join(repositoryRoot, "bench", "tunnel", "soak", "main.ts"), ["--minutes", "0.1"], {
    cwd: repositoryRoot,
  });
  const lines: string[] = [];
  for (let line = await soak.nextLine(); line !== undefined; line = await soak.nextLine()) lines.push(line);
  // Seconds are too few for the growth to be judged: what is said must only agree with the exit code.
  const isClean = lines.includes("verdict: no leak");
  expect({ code: await soak.exitCode, stderr: soak.stderr() }).toMatchObject({ code: isClean ? 0 : 1 });
  for (const goal of ["wrong answers", "errors of clients", "links that were replaced", "sessions at the end"]) {
    expect(lines.find((line) => line.startsWith(goal))).toMatch(/met$/u);
  }
});
