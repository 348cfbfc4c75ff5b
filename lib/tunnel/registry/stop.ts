import process from "node:process";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { isRunning, killQuietly } from "#lib/base/process-facts.ts";
import type { TunnelRecord } from "./record.ts";

export type StopOptions = {
  /** How long it may take to say good-bye to the other side. Default 10 s. */
  readonly graceMs?: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
};

const defaults = Object.freeze({ graceMs: 10_000, killedMs: 2_000, pollMs: 25 });

/**
 * Ends a tunnel's process and waits until it is gone:
 *
 * 1. SIGTERM: it ends its session and takes its entry away.
 * 2. After the grace SIGKILL, for a detached one to its whole group, which is its own.
 *
 * Only the process that wrote the record is ever signalled: a pid that was given to another since is left alone.
 *
 * @returns how it ended
 * @throws PosternError `process.failed` when it does not end, as somebody else's process
 */
export async function stopTunnel(record: TunnelRecord, options: StopOptions = {}): Promise<"stopped" | "killed"> {
  const { pid, startedAt, isDetached } = record;
  const clock = options.clock ?? systemClock;
  const hasEnded = async (withinMs: number): Promise<boolean> => {
    const deadlineMs = clock.nowMs() + withinMs;
    while (await isRunning(pid, startedAt)) {
      if (clock.nowMs() > deadlineMs) return false;
      await clock.sleep(defaults.pollMs, options.signal);
    }
    return true;
  };

  if (await hasEnded(-1)) return "stopped";
  killQuietly(pid, "SIGTERM");
  if (await hasEnded(options.graceMs ?? defaults.graceMs)) return "stopped";
  killQuietly(isDetached && process.platform !== "win32" ? -pid : pid, "SIGKILL");
  if (await hasEnded(defaults.killedMs)) return "killed";
  throw new PosternError("process.failed", `The tunnel to ${record.name}, process ${pid}, does not end.`, {
    hint: "It may be another user's: stop it as that user.",
  });
}
