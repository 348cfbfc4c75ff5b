import { once } from "node:events";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { LongRuns } from "#lib/contract.ts";
import { startTaskHost } from "#lib/local/tasks/host.ts";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { connect } from "#lib/postgres/connect.ts";
import { readCaFile } from "#lib/postgres/tls.ts";
import { type CommandResult, repositoryRoot, runCommand, startCommand } from "../support/command-line.ts";
import { type Functions, startOutsideOfStage } from "../support/outside-of-stage.ts";
import { makeTestFolder } from "../support/postgres.ts";
import { descendantsOf, hasEnded } from "../support/process-tree.ts";
import { type Program, startProgram } from "../support/program.ts";
import { hasTerminals, keys, startAtTerminal } from "../support/terminal.ts";
import { waitFor } from "../support/wait-for.ts";

type Summary = {
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly caFile: string;
    readonly passwordFile: string;
  };
};

describe("a long run on the local stage", () => {
  const stack = new AsyncDisposableStack();
  let stage: Program;
  let dataDir: string;
  let client: pg.Client;

  beforeAll(async () => {
    const folder = await makeTestFolder();
    dataDir = join(folder, "local");
    stack.defer(async () => {
      await removePostgresData(join(dataDir, "postgres"));
      await rm(folder, { recursive: true, force: true });
    });
    const ports = ["--port", "0", "--aws-port", "0", "--health-port", "0"];
    const args = ["local", "--json", ...ports, "--data", dataDir];
    stage = stack.use(startProgram(join(repositoryRoot, "scripts", "cli.ts"), args, { cwd: repositoryRoot }));
    const { database } = (await stage.nextDocument()) as Summary;
    const lines = (await readFile(database.passwordFile, "utf8")).split("\n").map((line) => line.split(":"));
    const password = lines.find((fields) => fields[3] === "postern_migrator")?.[4] ?? "";
    const { host, port } = database;
    const login = { host, port, database: "postern", user: "postern_migrator", password };
    const ca = await readCaFile(database.caFile);
    const address = { ...login, sslMode: "verify-full", ca } as const;
    ({ client } = stack.use(await connect(address, { applicationName: "onlooker" })));
  }, 60_000);
  afterAll(async () => stack.disposeAsync());

  const run = async (...args: string[]): Promise<CommandResult> =>
    await runCommand([...args, "--stage", "local", "--data", dataDir, "--json"]);

  const findOpenRun = async () =>
    (await client.query<{ id: string }>("select run_id as id from postern.runs where ended_at is null")).rows[0]?.id;
  /** Id of the run that is on, once it is. */
  const openRun = async (): Promise<string> => {
    await waitFor("the run begins", async () => (await findOpenRun()) !== undefined, 30_000);
    return (await findOpenRun()) ?? "";
  };

  test("migrates and seeds in a process of its own, and prints what the function would", async () => {
    await client.query(
      `drop function set_updated_at() cascade;
       delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations);
       delete from postern.run_migrations where tag = '0005_updated-at'`,
    );
    const migrated = await run("migrate", "--long-run");
    expect(migrated.json()).toMatchObject({ status: "applied", applied: ["0005_updated-at"], pending: [] });
    expect(migrated.exitCode).toBe(0);
    expect(migrated.stderr).toMatch(/task [0-9a-f]{32} is starting/u);
    expect((await run("migrate", "--long-run")).json()).toMatchObject({ status: "up-to-date" });
    const seeded = await run("seed", "--set", "reference", "--long-run");
    expect(seeded.json()).toMatchObject({ set: "reference", tables: expect.any(Array) });
    const log = await readFile(join(dataDir, "functions.log"), "utf8");
    const ended = log.matchAll(/^postern-local-long-run (.*"message":"run ended".*)$/gmu);
    expect(Array.from(ended, ([, line = ""]) => JSON.parse(line) as unknown)).toMatchObject([
      { action: "migrate", status: "applied" },
      { action: "migrate", status: "up-to-date" },
      { action: "seed", status: "done" },
    ]);
  });

  test("has one outcome for one id, and the id of a run that is over starts nothing", async () => {
    const first = await run("migrate", "--long-run", "--run-id", "long-run-of-mine");
    expect(first.json()).toMatchObject({ runId: "long-run-of-mine" });
    const again = await run("migrate", "--long-run", "--run-id", "long-run-of-mine");
    expect(again.json()).toEqual(first.json());
    expect(again.stderr).not.toContain("is starting");
  });

  test("a seed that was left running is watched again by its id, and ended by it", async () => {
    await client.query("begin; lock table countries in access exclusive mode");
    const at = ["seed", "--stage", "local", "--data", dataDir, "--json"];
    const child = startCommand([...at, "--set", "reference"]);
    const [stdout, closed] = [text(child.stdout), once(child, "close")];
    for await (const chunk of child.stderr) if (String(chunk).includes("is running")) break;
    child.kill("SIGINT");
    expect(await closed).toEqual([130, null]);
    const runId = /--run-id (\S+), end it with --cancel \1\./u.exec(await stdout)?.[1] ?? "";
    const watching = [1, 2].map(async () => run("seed", "--set", "reference", "--run-id", runId));
    const other = await run("migrate", "--run-id", runId);
    expect(other.json()).toMatchObject({ error: { message: expect.stringContaining("is a seed run") } });
    expect((await run("seed", "--cancel", runId)).json()).toEqual({ runId, cancelled: true });
    for (const { json, stderr } of await Promise.all(watching)) {
      expect(stderr).toContain(`watching run ${runId}`);
      expect(json()).toMatchObject({ error: { code: "run.cancelled" } });
    }
    await client.query("rollback");
    const again = await run("seed", "--set", "reference", "--run-id", "a-seed-of-mine");
    expect(again.json()).toMatchObject({ set: "reference" });
    expect((await run("seed", "--set", "reference", "--run-id", "a-seed-of-mine")).json()).toEqual(again.json());
  });

  test("is cancelled as any run is", async () => {
    await client.query("begin; lock table countries in access exclusive mode");
    const seeding = run("seed", "--set", "reference", "--long-run");
    const cancelled = await run("migrate", "--cancel", await openRun());
    expect(cancelled.json()).toMatchObject({ cancelled: true });
    expect((await seeding).json()).toMatchObject({ error: { code: "run.cancelled" } });
    await client.query("rollback");
  });

  test("ends with the stage", async () => {
    await client.query("begin; lock table countries in access exclusive mode");
    const seeding = run("seed", "--set", "reference", "--long-run");
    await openRun();
    const tasks = await tasksOf(stage);
    expect(tasks.length).toBeGreaterThan(0);
    await stage.end("SIGINT");
    await waitFor("no task is left", async () => (await Promise.all(tasks.map(hasEnded))).every(Boolean));
    const { exitCode, json } = await seeding;
    const { code } = (json() as { error: { code: string } }).error;
    // The signal ends the run within a second: the command hears of that, or finds no stage any more.
    const told = [
      [130, "aborted"],
      [2, expect.any(String)],
    ];
    expect(told).toContainEqual([exitCode, code]);
  });
});

async function tasksOf(stage: Program) {
  return (await descendantsOf(stage.pid)).filter(({ command }) => command.includes("task.mjs"));
}

describe("a stage from outside", () => {
  let stack = new AsyncDisposableStack();
  afterEach(async () => {
    await stack.disposeAsync();
    stack = new AsyncDisposableStack();
  });

  const longRuns: LongRuns = {
    cluster: "c",
    taskDefinition: "arn:aws:ecs:local:000000000000:task-definition/t",
    container: "runner",
    subnets: ["subnet-1"],
    securityGroup: "sg-1",
  };
  /** A task whose process runs `program`; `events` are those that it was started with. */
  const start = async (functions: Functions, program: string, manifest: { longRuns?: LongRuns } = { longRuns }) => {
    const events: string[] = [];
    const tasks = stack.use(
      startTaskHost({
        tasks: [
          {
            cluster: "c",
            taskDefinition: "t",
            container: "runner",
            command: process.execPath,
            args: ["-e", `console.log(process.env.POSTERN_EVENT); ${program}`],
            cwd: "/",
            env: {},
          },
        ],
        region: "local",
        accountId: "000000000000",
        onLog: ({ line }) => events.push(line),
      }),
    );
    const stage = stack.use(await startOutsideOfStage(functions, manifest, { tasks }));
    return { stage, events: () => events.map((line) => JSON.parse(line) as Record<string, unknown>) };
  };
  const tooLong = {
    status: "failed",
    applied: [],
    pending: ["0000_a"],
    ms: 1,
    error: { code: "migrate.deadline", message: "0000_a did not end within the time that the runner has." },
  };
  const done = { status: "applied", applied: ["0000_a"], pending: [], ms: 1 };
  /** The function's run is too long; that of the task, which comes second, is not. */
  const firstTooLong = (rest: { planHash?: string } = {}): Functions => {
    const runs: string[] = [];
    return {
      inspect: ({ runId }) => {
        if (!runs.includes(runId)) runs.push(runId);
        return { runId, state: "ended", result: { ...(runs.length === 1 ? { ...tooLong, ...rest } : done), runId } };
      },
    };
  };

  test("a run that is too long for the function: without a terminal the flag is named, and no task is started", async () => {
    const { stage, events } = await start(firstTooLong(), "");
    const { exitCode, stderr, json } = await runCommand(["migrate"], { env: stage.env });
    expect(exitCode).toBe(1);
    expect(json()).toMatchObject({ status: "failed", error: { code: "migrate.deadline" } });
    expect(stderr).toContain("0000_a needs longer than the function has: run it again with --long-run");
    expect(events()).toEqual([]);
  });

  test("an approval is offered for what is left of its plan", async () => {
    const planHash = "b".repeat(64);
    const { stage } = await start(firstTooLong({ planHash }), "");
    const { stderr } = await runCommand(["migrate", "--approve", "a".repeat(64)], { env: stage.env });
    expect(stderr).toContain(`run it again with --long-run --approve ${planHash}`);
  });

  test("one that never gets anything done is too long as well", async () => {
    const result = { status: "partial", applied: [], pending: ["0000_a"], runId: "run-of-mine", ms: 1 };
    const { stage } = await start({ inspect: ({ runId }) => ({ runId, state: "ended", result }) }, "");
    const { exitCode, stderr } = await runCommand(["migrate"], { env: stage.env });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("3 times in a row, with nothing applied: run it again with --long-run");
  });

  test("so is a set whose time was over", async () => {
    const error = { code: "seed.deadline", message: "The time is over." };
    const { stage } = await start({ inspect: ({ runId }) => ({ runId, state: "ended", error }) }, "");
    const { exitCode, stderr, json } = await runCommand(["seed", "--set", "demo"], { env: stage.env });
    expect(exitCode).toBe(1);
    expect(json()).toEqual({ error: expect.objectContaining({ code: "seed.deadline" }) });
    expect(stderr).toContain("The set demo needs longer than the function has: run it again with --long-run");
  });

  test.skipIf(!hasTerminals).each([
    ["the approval that was given", undefined],
    ["its rest", "b".repeat(64)],
  ])("at a terminal it asks, and goes on as a task, with %s", async (_, planHash) => {
    const { stage, events } = await start(firstTooLong(planHash === undefined ? {} : { planHash }), "");
    const approve = "a".repeat(64);
    const terminal = stack.use(startAtTerminal(`migrate --approve ${approve}`, stage.env));
    await terminal.type(keys.enter, "go on as a long-run task");
    expect(await terminal.closed).toEqual([0, null]);
    expect(terminal.screen()).toContain("0000_a");
    await waitFor("the task tells its event", () => events().length === 1, 15_000);
    expect(events()[0]).toMatchObject({
      action: "migrate",
      approve: planHash ?? approve,
      migrationsHash: expect.any(String),
    });
  });

  test.skipIf(!hasTerminals)("at a terminal keys that were pressed before it asked are no answer", async () => {
    const { stage, events } = await start(firstTooLong(), "");
    const terminal = stack.use(startAtTerminal("migrate", stage.env));
    await terminal.type(`${keys.enter}${keys.enter}`, "is queued");
    await terminal.type(`${keys.down}${keys.enter}`, "navigate");
    expect(await terminal.closed).toEqual([1, null]);
    expect(events()).toEqual([]);
  });

  test.skipIf(!hasTerminals)("at a terminal it stops when told to", async () => {
    const { stage, events } = await start(firstTooLong(), "");
    const terminal = stack.use(startAtTerminal("migrate", stage.env));
    await terminal.type(`${keys.down}${keys.enter}`, "go on as a long-run task");
    expect(await terminal.closed).toEqual([1, null]);
    expect(events()).toEqual([]);
  });

  test("a stage without long runs says how to switch them on", async () => {
    const { stage } = await start(firstTooLong(), "", {});
    const asked = await runCommand(["migrate", "--long-run"], { env: stage.env });
    expect(asked.exitCode).toBe(1);
    const { error } = asked.json() as { error: { code: string; hint: string } };
    expect(error.code).toBe("stage.no-long-runs");
    expect(error.hint).toContain("longRuns: true");
    const offered = await runCommand(["migrate"], { env: stage.env });
    expect(offered.exitCode).toBe(1);
    expect(offered.stderr).toContain("longRuns: true");
  });

  test("a task that stops before its run has begun is told at once, with its exit code", async () => {
    const { stage } = await start({ inspect: ({ runId }) => ({ runId, state: "unknown" }) }, "process.exit(3)");
    const startMs = performance.now();
    const { exitCode, json } = await runCommand(["migrate", "--long-run"], { env: stage.env });
    expect(exitCode).toBe(2);
    expect(json()).toMatchObject({
      error: { code: "run.unknown", message: expect.stringContaining("container runner exited with 3") },
    });
    expect(performance.now() - startMs).toBeLessThan(30_000);
  });

  test.skipIf(!hasTerminals)(
    "cancelled while its task still starts, it is marked, and queued nowhere again",
    async () => {
      let isMarked = false;
      const error = { code: "run.cancelled", message: "The run was cancelled by me before it began." };
      const { stage } = await start(
        {
          inspect: ({ action, runId, ...event }) => {
            isMarked ||= action === "cancel" && "unbegun" in event;
            return isMarked ? { runId, state: "ended", action: "migrate", error } : { runId, state: "unknown" };
          },
        },
        "setInterval(() => {}, 1000)",
      );
      const terminal = stack.use(startAtTerminal("migrate --long-run", stage.env));
      await terminal.type(keys.ctrlC, "is starting");
      await terminal.type(`${keys.down}${keys.enter}`, "leave it running");
      expect(await terminal.closed).toEqual([130, null]);
      expect(terminal.screen()).toContain("cancelled by me before it began");
      expect(stage.invocations.filter(({ part }) => part === "runner")).toEqual([]);
      expect(terminal.screen().match(/is starting/gu)).toHaveLength(1);
    },
  );

  test("an id of a long run is watched as one, and never begun in the function", async () => {
    const { stage } = await start({ inspect: ({ runId }) => ({ runId, state: "unknown" }) }, "process.exit(3)");
    const runId = "long-3f0b8f0e-0000-4000-8000-000000000000";
    const { json } = await runCommand(["migrate", "--run-id", runId], { env: stage.env });
    expect(json()).toMatchObject({ error: { code: "run.unknown", message: expect.stringContaining("task stopped") } });
    expect(stage.invocations.filter(({ part }) => part === "runner")).toEqual([]);
  });

  test("refuses to go with a baseline, which runs nothing, and with a database that is worked on from here", async () => {
    const { stage } = await start({}, "");
    const baseline = await runCommand(["migrate", "--long-run", "--baseline", "0000_customers"], { env: stage.env });
    expect(baseline.json()).toMatchObject({
      error: { code: "usage.invalid", message: expect.stringContaining("--baseline") },
    });
    const args = ["migrate", "--long-run", "--url", "postgres://me@localhost/app", "--json"];
    expect((await runCommand(args)).json()).toMatchObject({
      error: { code: "usage.invalid", message: expect.stringContaining("--long-run goes with --stage") },
    });
  });
});
