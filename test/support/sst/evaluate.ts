import { fork } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { sstDir } from "./platform.ts";
import type { ConfigFile } from "./programs.ts";
import type { Evaluation } from "./recorded.ts";

export type EvaluateOptions = {
  readonly stage: string;
  /** Takes the place of `postern.config.ts`; default: the file itself. */
  readonly config?: unknown;
  /** Another SST config than the project's own. */
  readonly file?: ConfigFile;
  /** As `sst dev` evaluates it. */
  readonly dev?: boolean;
  /** The program builds the bundles of the functions; default: it takes those that were built before the tests. */
  readonly builds?: boolean;
};

const program = path.join(import.meta.dirname, "evaluate-process.ts");
const cache = new Map<string, Promise<Evaluation>>();

/**
 * Runs an SST config through the real platform, with mocks in the place of Pulumi's engine and AWS, and returns what it
 * would deploy. About a second each, in a process of its own; the same
 * options are evaluated once in each of vitest's workers.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const key = JSON.stringify(options);
  const known = cache.get(key);
  if (known) return known;
  const fresh = evaluateInProcess(key, options.builds === true);
  cache.set(key, fresh);
  return fresh;
}

/** As `evaluate`, for a program that must deploy: throws with every error that it met. */
export async function evaluateWhole(options: EvaluateOptions): Promise<Evaluation> {
  const evaluation = await evaluate(options);
  if (evaluation.errors.length > 0) throw new Error(`The program failed:\n${evaluation.errors.join("\n")}`);
  return evaluation;
}

async function evaluateInProcess(options: string, builds: boolean): Promise<Evaluation> {
  const env = {
    ...process.env,
    POSTERN_BUNDLES: builds ? undefined : process.env["POSTERN_BUNDLES"],
    // Each process loads the same megabytes of Pulumi, the provider and the platform.
    NODE_COMPILE_CACHE: path.join(sstDir, "compile-cache"),
  };
  const child = fork(program, [options], { execArgv: [], env, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => output.push(String(chunk)));
  let evaluation: Evaluation | undefined;
  child.on("message", (message) => (evaluation = message as Evaluation));
  const [code] = (await once(child, "close")) as [number | null];
  if (evaluation === undefined) throw new Error(`The evaluation ended with ${code}:\n${output.join("")}`);
  return evaluation;
}
