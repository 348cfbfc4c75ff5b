import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { setTimeout as wait } from "node:timers/promises";
import { evaluatedRegion as region } from "./cloud.ts";
import { startCommandLineServer } from "./command-line-server.ts";
import { mockEngine } from "./engine.ts";
import type { EvaluateOptions } from "./evaluate.ts";
import { platformDir, root, sstDir } from "./platform.ts";
import { bundledPath } from "./programs.ts";
import { readOutput } from "./pulumi.ts";
import type { Evaluation, RecordedOutput } from "./recorded.ts";

/**
 * A process of its own, because the program changes the working directory and Pulumi keeps its state in globals.
 *
 * 1. Evaluates `app()`, as SST's command line does before anything else.
 * 2. Answers what components ask of that command line.
 * 3. Puts mocks in the place of Pulumi's engine (`mockEngine`).
 * 4. Runs the bundled program inside of a stack; errors inside of `apply` arrive as unhandled rejections.
 */
const deadlineMs = 30_000;
// The same error arrives from the program and from each output that waits for it.
const errors = new Set<string>();
process.on("unhandledRejection", (error) => errors.add(message(error)));

const options = JSON.parse(process.argv[2] ?? "") as EvaluateOptions;
const configFile = options.file ?? "sst.config.ts";
const workDir = path.join(sstDir, "evaluations", randomUUID());
await mkdir(workDir, { recursive: true });
Object.assign(globalThis, { $posternConfig: options.config });
let evaluation: Evaluation;
try {
  evaluation = await evaluate();
} finally {
  await rm(workDir, { recursive: true, force: true });
}
process.send?.(evaluation, () => process.exit(0));

async function evaluate(): Promise<Evaluation> {
  const app = await evaluateApp().catch((error: unknown) => {
    errors.add(message(error));
    return undefined;
  });
  const { stage } = options;
  if (app === undefined) {
    return { app: { name: "", stage, removal: "", protect: false }, resources: [], outputs: {}, errors: [...errors] };
  }
  const { resources, outputs } = await runProgram(app);
  return {
    app: { name: app.name, stage, removal: app.removal, protect: app.protect === true },
    resources,
    outputs,
    errors: [...errors],
  };
}

type App = {
  readonly name: string;
  readonly stage: string;
  readonly removal: string;
  readonly protect?: boolean;
  readonly providers: Record<string, unknown>;
};

async function evaluateApp(): Promise<App> {
  type Bundle = { readonly app: (stage: string) => Promise<App> };
  const bundle = (await import(pathToFileURL(bundledPath(configFile, "app")).href)) as Bundle;
  const app = await bundle.app(options.stage);
  return { ...app, stage: options.stage, removal: app.removal ?? "retain", providers: { ...app.providers } };
}

async function runProgram(app: App) {
  const server = await startCommandLineServer(region, workDir);
  process.env["SST_SERVER"] = server.url;
  process.env["SST_AWS_REGION"] = region;
  const { runtime, count, resources } = await mockEngine(app, (problem) => errors.add(problem));
  const outputs: Record<string, RecordedOutput> = {};
  try {
    const program = await loadProgram(app);
    let returned: Record<string, unknown> = {};
    // The stack's own outputs come without their secrecy.
    await beforeDeadline(runtime.runInPulumiStack(async () => (returned = await program())));
    await beforeDeadline(runtime.disconnect());
    await quiet(count);
    for (const [name, value] of Object.entries(returned)) outputs[name] = await readOutput(value);
  } catch (error) {
    errors.add(message(error));
  }
  return { resources: resources(), outputs };
}

type Program = () => Promise<Record<string, unknown>>;

/** SST's command line puts these into the bundle, of which there is one here (`bundle.ts`). */
async function loadProgram(app: App): Promise<Program> {
  const isDev = options.dev === true;
  const commandLine = {
    command: isDev ? "dev" : "deploy",
    dev: isDev,
    paths: { home: path.join(workDir, "home"), root, work: workDir, platform: platformDir },
    state: { version: {} },
  };
  Object.assign(globalThis, { $app: app, $cli: commandLine, $dev: isDev });
  const { program } = (await import(pathToFileURL(bundledPath(configFile, "run")).href)) as { program: Program };
  return program;
}

/** Resources that are made inside of `apply` come after the program: waits until there were none for a while. */
async function quiet(count: () => number): Promise<void> {
  let [last, quietTurns] = [-1, 0];
  while (quietTurns < 4) {
    const now = count();
    quietTurns = now === last ? quietTurns + 1 : 0;
    last = now;
    await wait(20);
  }
}

/** What waits for an output that never comes would wait for ever. */
async function beforeDeadline<T>(work: Promise<T>): Promise<T> {
  const tooLate = wait(deadlineMs, undefined, { ref: false }).then(() => {
    throw new Error(`The program did not come to an end within ${deadlineMs} ms.`);
  });
  return Promise.race([work, tooLate]);
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
