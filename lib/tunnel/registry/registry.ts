import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { hasLivingOwner, ownerHere, releaseOwnedFile, takeOwnedFile } from "#lib/base/owned-file.ts";
import { readIfPresent, writeWhole } from "#lib/base/private-file.ts";
import { parseRecord, type TunnelRecord } from "./record.ts";
import { openStateFolder, writeState } from "./state-folder.ts";

/** What is known of a tunnel before it has begun. */
export type NewTunnel = Omit<TunnelRecord, "pid" | "startedAt">;

/** This process's entry. Disposing removes it; so does, for whoever looks next, the end of the process. */
export type Registration = AsyncDisposable & {
  /** Puts another in the entry's place. Writes follow each other; those that are overtaken are left out. */
  publish(tunnel: NewTunnel): void;
};

/**
 * Enters a tunnel of this process, of which there can be one for each key.
 *
 * @throws PosternError `tunnel.running` when another process has it; `data.unwritable`
 */
export async function registerTunnel(folder: string, key: string, tunnel: NewTunnel): Promise<Registration> {
  const tunnels = await openStateFolder(folder, "tunnels");
  const file = join(tunnels, `${key}.json`);
  const own = await ownerHere();
  let record: TunnelRecord = { ...tunnel, ...own };
  await writeState(tunnels, async () => take(file, record));

  let written = Promise.resolve();
  let isWaiting = false;
  let isOpen = true;
  const write = async (): Promise<void> => {
    isWaiting = false;
    // A full disk must not end a tunnel that works.
    if (isOpen) await writeWhole(file, JSON.stringify(record)).catch(() => {});
  };
  return {
    publish: (news) => {
      record = { ...news, ...own };
      if (isWaiting) return;
      isWaiting = true;
      written = written.then(write);
    },
    [Symbol.asyncDispose]: async () => {
      isOpen = false;
      await written;
      await releaseOwnedFile(file, own);
    },
  };
}

const defaults = Object.freeze({ tries: 100, pauseMs: 20 });

/** A file without a record is one that is being removed (see `removeStale`): a moment later it is not there. */
async function take(file: string, record: TunnelRecord): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const text = await takeOwnedFile(file, JSON.stringify(record));
    if (text === undefined) return;
    const other = parseRecord(text);
    if (other !== undefined || tries === defaults.tries) throw runningError(other, record.name);
    await systemClock.sleep(defaults.pauseMs);
  }
}

export type RegisteredTunnel = { readonly key: string; readonly record: TunnelRecord };

/** The tunnels that run, by name. What the dead left behind is removed on the way. */
export async function listTunnels(folder: string): Promise<readonly RegisteredTunnel[]> {
  const tunnels = join(folder, "tunnels");
  const files = (await readdir(tunnels).catch(() => [])).filter((file) => file.endsWith(".json"));
  const found = await Promise.all(files.map(async (file) => readLiving(join(tunnels, file), file.slice(0, -5))));
  return found
    .filter((one) => one !== undefined)
    .toSorted((a, b) => a.record.name.localeCompare(b.record.name) || a.key.localeCompare(b.key));
}

/** The tunnel of this key, if it runs. */
export async function findTunnel(folder: string, key: string): Promise<TunnelRecord | undefined> {
  return (await readLiving(join(folder, "tunnels", `${key}.json`), key))?.record;
}

async function readLiving(file: string, key: string): Promise<RegisteredTunnel | undefined> {
  const text = await readIfPresent(file).catch(() => undefined);
  if (text === undefined) return undefined;
  const record = parseRecord(text);
  if (await hasLivingOwner(text)) return record && { key, record };
  await removeStale(file, text);
  return undefined;
}

/** As whoever starts a tunnel takes it over, so that a record which was written meanwhile stays. */
async function removeStale(file: string, text: string): Promise<void> {
  const own = await ownerHere();
  if ((await readIfPresent(file)) !== text) return;
  const other = await takeOwnedFile(file, JSON.stringify(own)).catch(() => "");
  if (other === undefined) await rm(file, { force: true });
}

function runningError(record: TunnelRecord | undefined, name: string): PosternError {
  const where =
    record?.port === undefined ? "and is still starting" : `at ${record.host ?? "127.0.0.1"}:${record.port}`;
  const who = record === undefined ? "another process" : `process ${record.pid}`;
  return new PosternError("tunnel.running", `A tunnel to ${name} is running as ${who}, ${where}.`);
}
