import { createHash, randomUUID } from "node:crypto";
import { link, rm } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { PosternError } from "#lib/base/errors.ts";
import { readIfPresent, writeWhole } from "../files/private-file.ts";
import { isRunning, readProcessFacts } from "../process/process-facts.ts";

/** Where the parts of a running stage are. */
export type StageAddresses = { readonly database: string; readonly aws: string; readonly health: string };

const schema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    pid: v.pipe(v.number(), v.integer(), v.minValue(1)),
    /** With the pid, the one process that wrote this (see process-facts.ts). */
    startedAt: v.string(),
    addresses: v.optional(v.object({ database: v.string(), aws: v.string(), health: v.string() })),
  }),
);
type RunFile = v.InferOutput<typeof schema>;

export type StageLock = AsyncDisposable & {
  /** Says where the stage is, for those who come later. */
  publish(addresses: StageAddresses): Promise<void>;
};

/** @throws PosternError `stage.running` when a stage runs on this data folder */
export async function refuseRunningStage(dataDir: string): Promise<void> {
  const found = await read(join(dataDir, "run.json"));
  if (found !== undefined && (await isRunning(found.pid, found.startedAt))) throw runningError(found);
}

/**
 * Makes this process the one that runs a stage on the data folder, until it is disposed or the process has ended,
 * however it ends: the file names the process, and one that is gone holds nothing.
 *
 * @throws PosternError `stage.running`
 */
export async function lockStage(dataDir: string): Promise<StageLock> {
  const file = join(dataDir, "run.json");
  const startedAt = (await readProcessFacts(process.pid))?.startedAt ?? "";
  const own: RunFile = { pid: process.pid, startedAt };
  await take(file, JSON.stringify(own));
  return {
    publish: async (addresses) => writeWhole(file, JSON.stringify({ ...own, addresses })),
    [Symbol.asyncDispose]: async () => {
      const found = await read(file);
      if (found?.pid === own.pid && found.startedAt === own.startedAt) await rm(file, { force: true });
    },
  };
}

/**
 * Puts our content where no running process has its own:
 *
 * 1. Create the file with our content, in one step. When there was none: done.
 * 2. It is there. If the process that it names runs: refuse.
 * 3. It is stale, and several may see that at once. Take a guard that is named after the stale content, in this same way,
 *    guards left behind by the killed included.
 * 4. Under the guard nobody else replaces this content: when the file still has it, put ours in its place. When not, someone
 *    was here before us: let go of the guard, and begin again.
 */
async function take(file: string, content: string): Promise<void> {
  while (!(await createWith(file, content))) {
    const text = await readIfPresent(file);
    if (text === undefined) continue;
    const found = parse(text);
    if (found !== undefined && (await isRunning(found.pid, found.startedAt))) throw runningError(found);
    const guard = `${file}.${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
    await take(guard, content);
    try {
      if ((await readIfPresent(file)) === text) return await writeWhole(file, content);
    } finally {
      await rm(guard, { force: true });
    }
  }
}

/** A link is made only where nothing is, and its file is whole already. */
async function createWith(file: string, content: string): Promise<boolean> {
  const whole = `${file}.${randomUUID()}`;
  await writeWhole(whole, content);
  try {
    await link(whole, file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(whole, { force: true });
  }
}

async function read(file: string): Promise<RunFile | undefined> {
  const text = await readIfPresent(file).catch(() => undefined);
  return text === undefined ? undefined : parse(text);
}

/** A file that says nothing sensible names no process. */
function parse(text: string): RunFile | undefined {
  const result = v.safeParse(schema, text);
  return result.success ? result.output : undefined;
}

function runningError({ pid, addresses }: RunFile): PosternError {
  const where =
    addresses === undefined
      ? "and is still starting"
      : `with health at ${addresses.health}, the database at ${addresses.database}, AWS at ${addresses.aws}`;
  return new PosternError("stage.running", `A local stage is running as process ${pid}, ${where}.`);
}
