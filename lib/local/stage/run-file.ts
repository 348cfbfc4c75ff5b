import { join } from "node:path";
import * as v from "valibot";
import { PosternError } from "#lib/base/errors.ts";
import { hasLivingOwner, ownerHere, releaseOwnedFile, takeOwnedFile } from "#lib/base/owned-file.ts";
import { readIfPresent, writeWhole } from "#lib/base/private-file.ts";

/** Where the parts of a running stage are. */
export type StageAddresses = { readonly database: string; readonly aws: string; readonly health: string };

const schema = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    pid: v.number(),
    addresses: v.optional(v.object({ database: v.string(), aws: v.string(), health: v.string() })),
  }),
);

export type StageLock = AsyncDisposable & {
  /** Says where the stage is, for those who come later. */
  publish(addresses: StageAddresses): Promise<void>;
};

/** @throws PosternError `stage.running` when a stage runs on this data folder */
export async function refuseRunningStage(dataDir: string): Promise<void> {
  const text = await readIfPresent(join(dataDir, "run.json")).catch(() => undefined);
  if (text !== undefined && (await hasLivingOwner(text))) throw runningError(text);
}

/**
 * Makes this process the one that runs a stage on the data folder, until it is disposed or the process has ended,
 * however it ends: the file names the process, and one that is gone holds nothing.
 *
 * @throws PosternError `stage.running`
 */
export async function lockStage(dataDir: string): Promise<StageLock> {
  const file = join(dataDir, "run.json");
  const own = await ownerHere();
  const other = await takeOwnedFile(file, JSON.stringify(own));
  if (other !== undefined) throw runningError(other);
  return {
    publish: async (addresses) => writeWhole(file, JSON.stringify({ ...own, addresses })),
    [Symbol.asyncDispose]: async () => releaseOwnedFile(file, own),
  };
}

function runningError(text: string): PosternError {
  const { pid, addresses } = v.parse(schema, text);
  const where =
    addresses === undefined
      ? "and is still starting"
      : `with health at ${addresses.health}, the database at ${addresses.database}, AWS at ${addresses.aws}`;
  return new PosternError("stage.running", `A local stage is running as process ${pid}, ${where}.`);
}
