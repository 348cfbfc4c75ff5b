import { elapsedMs, systemClock } from "#lib/base/clock.ts";
import { toPosternError } from "#lib/base/errors.ts";
import { traitsOf } from "#lib/doctor/verdicts.ts";
import type { InsideReport, ProbeReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import type { StageTarget } from "../target.ts";
import type { Observer } from "./observer.ts";

/** The function gives up its secrets after 3 s and its walk after 4.5 s; what is left is for a cold start. */
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
    const { code, message: summary, hint: fix = "Look at the function's log." } = toPosternError(error);
    const ms = elapsedMs(systemClock, startMs);
    const probe = { name: "inspect", vantage: "vpc", ms } as const;
    const evidence = `inspect: ${summary}`;
    if (code === "aws.permission") {
      const text = "not looked at: lambda:InvokeFunction is not allowed";
      const skipped = { ...probe, ok: true, warning: text, detail: text };
      return { verdict: { code, summary, fix, evidence }, probes: [skipped], ms };
    }
    const failed = { ...probe, ok: false, detail: `${code}: ${summary}` };
    // The function is not there, or fails: the stage is broken. Any other reason is ours, or a function's of before.
    if (traitsOf(code)?.source !== "service") return failed;
    return { verdict: { code, summary, fix, evidence }, probes: [failed], ms };
  }
}
