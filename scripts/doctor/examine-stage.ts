import { elapsedMs, systemClock } from "#lib/base/clock.ts";
import { roleNames } from "#lib/contract.ts";
import { judgeStage } from "#lib/doctor/judge-stage.ts";
import { markProbes } from "#lib/doctor/control-plane/judge.ts";
import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";
import type { CommandContext } from "../command-context.ts";
import type { StageTarget } from "../target.ts";
import type { TransportFlags } from "../tunnel/transport-options.ts";
import { noTunnel } from "../tunnel/destination.ts";
import { fromAws } from "./from-aws.ts";
import { fromHere } from "./from-here.ts";
import { fromInside } from "./from-inside.ts";
import type { Observer } from "./observer.ts";

const notWalked: ProbeReport = {
  name: "transport",
  vantage: "here",
  ok: true,
  warning: "The stage has no bastion that carries sessions: it was looked at from inside alone.",
  ms: 0,
  detail: "not taken",
};

/** The three vantages of a stage, side by side, and the one verdict of what they say; of a broken proxy, of its log, too. */
export async function examineStage(
  target: StageTarget,
  flags: TransportFlags,
  context: CommandContext,
  observer: Observer,
): Promise<DoctorReport> {
  const startMs = systemClock.nowMs();
  const since = systemClock.wallTime();
  const { manifest, access } = target;
  const [here, vpc, asked] = await Promise.all([
    fromHere(target, flags, context, observer),
    fromInside(target, context, observer),
    fromAws(target, context, observer),
  ]);
  const inside = "verdict" in vpc ? vpc : undefined;
  // Neither was walked: the tunnel would say so, too.
  if (here === undefined && inside === undefined) throw noTunnel(manifest.stage);
  const secret = manifest.secrets.health;
  const { verdict, aws } = await judgeStage(
    { ...(here === undefined ? {} : { here }), ...(inside === undefined ? {} : { vpc: inside }), aws: asked },
    {
      manifest,
      access,
      // As the inspect function walks through it.
      walk: { since, role: roleNames.health, ...(secret === undefined ? {} : { secret }) },
      signal: context.signal,
    },
  );
  const ofInside = "verdict" in vpc ? [...vpc.probes, ...(vpc.proxy?.probes ?? [])] : [vpc];
  const probes = [...(here?.probes ?? [notWalked]), ...ofInside, ...markProbes(aws, verdict.code)];
  return { verdict, probes, ms: elapsedMs(systemClock, startMs) };
}
