import { elapsedMs, systemClock } from "#lib/base/clock.ts";
import { combine } from "#lib/doctor/combine.ts";
import { besideProxy } from "#lib/doctor/beside-proxy.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import type { StageTarget } from "../target.ts";
import type { TransportFlags } from "../tunnel/transport-options.ts";
import { fromHere } from "./from-here.ts";
import { fromInside } from "./from-inside.ts";

export async function examineStage(
  target: StageTarget,
  flags: TransportFlags,
  context: CommandContext,
): Promise<DoctorReport> {
  const startMs = systemClock.nowMs();
  const [here, vpc] = await Promise.all([fromHere(target, flags, context), fromInside(target, context)]);
  const inside = "verdict" in vpc ? vpc : undefined;
  const verdict = combine({ here, ...(inside === undefined ? {} : { vpc: inside }) });
  return {
    verdict: besideProxy(verdict, inside?.proxy),
    probes: [...here.probes, ...("verdict" in vpc ? [...vpc.probes, ...(vpc.proxy?.probes ?? [])] : [vpc])],
    ms: elapsedMs(systemClock, startMs),
  };
}
