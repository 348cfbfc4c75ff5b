import { createHash, randomUUID } from "node:crypto";
import { link, rm } from "node:fs/promises";
import process from "node:process";
import * as v from "valibot";
import { readIfPresent, writeWhole } from "./private-file.ts";
import { isRunning, readProcessFacts } from "./process-facts.ts";

/** Whose a file is: with the start, the pid names one process for ever (see process-facts.ts). */
export type FileOwner = { readonly pid: number; readonly startedAt: string };

const ownerSchema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ pid: v.pipe(v.number(), v.integer(), v.minValue(1)), startedAt: v.string() }),
);

/** This process, as the owner of what it writes. */
export async function ownerHere(): Promise<FileOwner> {
  return { pid: process.pid, startedAt: (await readProcessFacts(process.pid))?.startedAt ?? "" };
}

/** Whether the process that a file names still runs. A text that names none has no owner. */
export async function hasLivingOwner(text: string): Promise<boolean> {
  const owner = ownerOf(text);
  return owner !== undefined && (await isRunning(owner.pid, owner.startedAt));
}

/**
 * Puts a JSON text that names this process where no running process has its own:
 *
 * 1. Create the file with our content, in one step. When there was none: done.
 * 2. It is there. If the process that it names runs: give its text back.
 * 3. It is stale, and several may see that at once. Take a guard that is named after the stale content, in this same way,
 *    guards left behind by the killed included.
 * 4. Under the guard nobody else replaces this content: when the file still has it, put ours in its place. When not, someone
 *    was here before us: let go of the guard, and begin again.
 *
 * @returns undefined when the file is ours, else the text of whoever has it
 */
export async function takeOwnedFile(file: string, content: string): Promise<string | undefined> {
  while (!(await createWith(file, content))) {
    const text = await readIfPresent(file);
    if (text === undefined) continue;
    if (await hasLivingOwner(text)) return text;
    const guard = `${file}.${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
    const guarded = await takeOwnedFile(guard, content);
    if (guarded !== undefined) return guarded;
    try {
      if ((await readIfPresent(file)) === text) {
        await writeWhole(file, content);
        return undefined;
      }
    } finally {
      await rm(guard, { force: true });
    }
  }
  return undefined;
}

/** Removes the file unless it is another's by now. */
export async function releaseOwnedFile(file: string, own: FileOwner): Promise<void> {
  const text = await readIfPresent(file).catch(() => undefined);
  const found = text === undefined ? undefined : ownerOf(text);
  if (found?.pid === own.pid && found.startedAt === own.startedAt) await rm(file, { force: true });
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

/** A text that says nothing sensible names no process. */
function ownerOf(text: string): FileOwner | undefined {
  const result = v.safeParse(ownerSchema, text);
  return result.success ? result.output : undefined;
}
