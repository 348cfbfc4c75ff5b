import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { setTimeout as wait } from "node:timers/promises";
import { answerCall, evaluatedRegion as region, stateOf } from "./cloud.ts";
import { startCommandLineServer } from "./command-line-server.ts";
import type { EvaluateOptions } from "./evaluate.ts";
import { platformDir, root, sstDir } from "./platform.ts";
import { bundledPath } from "./programs.ts";
import { loadPulumi, readOutput, type RegisterRequest } from "./pulumi.ts";
import { type Evaluation, type RecordedOptions, type RecordedOutput, type RecordedResource } from "./recorded.ts";
import { nameFiles } from "./files.ts";
import { unwrapSecrets } from "./secret-wire.ts";

/**
 * A process of its own, because the program changes the working directory and Pulumi keeps its state in globals.
 *
 * 1. Evaluates `app()`, as SST's command line does before anything else.
 * 2. Answers what components ask of that command line.
 * 3. Puts mocks in the place of Pulumi's engine, and notes what reaches its monitor, after every transformation.
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
  const { runtime, getMonitor } = loadPulumi();
  runtime.setAllConfig({ "aws:region": region });
  const made: Omit<RecordedResource, "options">[] = [];
  const finalOptions = new Map<string, RecordedOptions>();
  await runtime.setMocks(
    {
      async newResource(resource) {
        await nameFiles(resource.inputs);
        const secretInputs: string[] = [];
        const inputs = unwrapSecrets(resource.inputs, "", secretInputs) as Record<string, unknown>;
        // What Pulumi makes of an output in a string: no error, and nothing that AWS would take.
        if (/Calling \[\w+\] on an \[Output/.test(JSON.stringify(inputs)))
          errors.add(`${resource.name}: an output as text`);
        const importId = resource.id === undefined || resource.id === "" ? {} : { importId: resource.id };
        made.push({
          type: resource.type,
          name: resource.name,
          isCustom: resource.custom === true,
          inputs,
          secretInputs,
          ...importId,
        });
        return { id: importId.importId ?? `${resource.name}-id`, state: stateOf(region, { ...resource, inputs }) };
      },
      call({ token, inputs }) {
        const answer = answerCall(region, token, inputs);
        // Thrown, it would leave the program waiting for ever.
        if (answer === undefined) errors.add(`test/support/sst/cloud.ts has no answer for ${token}`);
        return answer ?? inputs;
      },
    },
    app.name,
    app.stage,
    false,
  );
  const monitor = getMonitor();
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    finalOptions.set(key(request.getType(), request.getName()), readOptions(request));
    return register(request, callback);
  };
  const outputs: Record<string, RecordedOutput> = {};
  try {
    const program = await loadProgram(app);
    let returned: Record<string, unknown> = {};
    // The stack's own outputs come without their secrecy.
    await beforeDeadline(runtime.runInPulumiStack(async () => (returned = await program())));
    await beforeDeadline(runtime.disconnect());
    await quiet(() => made.length);
    for (const [name, value] of Object.entries(returned)) outputs[name] = await readOutput(value);
  } catch (error) {
    errors.add(message(error));
  }
  const resources: RecordedResource[] = [];
  for (const resource of made) {
    const found = finalOptions.get(key(resource.type, resource.name));
    if (found === undefined) throw new Error(`${resource.name} never reached the monitor`);
    resources.push({ ...resource, options: found });
  }
  return { resources, outputs };
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

function readOptions(request: RegisterRequest): RecordedOptions {
  return {
    parent: nameInUrn(request.getParent()),
    protect: request.getProtect(),
    retainOnDelete: request.getRetainondelete(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    ignoreChanges: request.getIgnorechangesList(),
    dependsOn: request.getDependenciesList().map(nameInUrn).toSorted(),
  };
}

function nameInUrn(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

function key(type: string, name: string): string {
  return `${type}::${name}`;
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
