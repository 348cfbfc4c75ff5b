import { elapsedMs, systemClock } from "#lib/base/clock.ts";
import { toPosternError } from "#lib/base/errors.ts";
import type { InsideReport, ProbeReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import type { StageTarget } from "../target.ts";

/** A stage whose function cannot be asked is still examined from here; that it could not is a finding. */
export async function fromInside(
  { manifest, access }: StageTarget,
  { signal }: CommandContext,
): Promise<InsideReport | ProbeReport> {
  const startMs = systemClock.nowMs();
  try {
    const [{ invokeFunction }, { replies }] = await Promise.all([
      import("#lib/stage/invoke.ts"),
      import("#lib/stage/replies.ts"),
    ]);
    const event = { action: "probe" };
    return replies.probe(await invokeFunction({ access, functionName: manifest.functions.inspect, event, signal }));
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = toPosternError(error);
    const ms = elapsedMs(systemClock, startMs);
    return { name: "inspect", vantage: "vpc", ok: false, ms, detail: `${code}: ${message}` };
  }
}
