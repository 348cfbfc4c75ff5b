import { systemClock } from "#lib/base/clock.ts";
import type { Finding } from "#lib/doctor/control-plane/finding.ts";
import type { AwsReport } from "#lib/doctor/control-plane/judge.ts";
import type { CommandContext } from "../command-context.ts";
import { withStageFlags } from "../stage-flags.ts";
import type { StageTarget } from "../target.ts";
import { nobody, type Observer } from "./observer.ts";

/** What AWS's control plane says of the stage. */
export async function fromAws(
  { manifest, access, flags }: StageTarget,
  { signal }: CommandContext,
  { onStep }: Pick<Observer, "onStep"> = nobody,
): Promise<AwsReport> {
  onStep("aws", "asked");
  // Loaded here: --url needs none of it, and the walks begin while the clients are loaded.
  const [{ readControlPlane }, { judgeControlPlane }] = await Promise.all([
    import("#lib/control-plane/read-control-plane.ts"),
    import("#lib/doctor/control-plane/judge.ts"),
  ]);
  const facts = await readControlPlane(manifest, { access, signal });
  const report = judgeControlPlane(manifest, facts, systemClock.wallTime());
  return { ...report, findings: report.findings.map((one) => withFlags(one, manifest.stage, flags)) };
}

function withFlags(finding: Finding, stage: string, flags: string): Finding {
  const { fix } = finding;
  return fix === undefined ? finding : { ...finding, fix: withStageFlags(fix, stage, flags) };
}
