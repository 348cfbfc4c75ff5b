import { elapsedMs, systemClock } from "#lib/base/clock.ts";
import { toPosternError } from "#lib/base/errors.ts";
import type { InsideReport, ProbeReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import type { StageTarget } from "../target.ts";
import type { Observer } from "./observer.ts";

/** The function gives up its secrets after 4 s and its walk after 4.5 s; what is left is for a cold start. */
const timeoutMs = 12_000;

/** A stage whose function cannot be asked is still examined from here; that it could not is a finding. */
export async function fromInside(
  { manifest, access }: StageTarget,
  { signal }: CommandContext,
  { onStep }: Pick<Observer, "onStep">,
): Promise<InsideReport | ProbeReport> {
  const startMs = systemClock.nowMs();
  onStep("vpc", "asked");
  try {
    const [{ invokeFunction }, { replies }] = await Promise.all([
      import("#lib/stage/invoke.ts"),
      import("#lib/stage/replies.ts"),
    ]);
    const event = { action: "probe" };
    const functionName = manifest.functions.inspect;
    return replies.probe(await invokeFunction({ access, functionName, event, timeoutMs, signal }));
  } catch (error) {
    signal.throwIfAborted();
    const { code, message } = toPosternError(error);
    const ms = elapsedMs(systemClock, startMs);
    return { name: "inspect", vantage: "vpc", ok: false, ms, detail: `${code}: ${message}` };
  }
}
