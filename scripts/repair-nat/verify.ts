import type { Clock } from "#lib/base/clock.ts";
import type { Broken, Finding } from "#lib/doctor/control-plane/finding.ts";
import { mask } from "#lib/doctor/report/mask.ts";
import { describeVerdict } from "#lib/doctor/verdicts.ts";
import type { DoctorReport, DoctorVerdict } from "#lib/protocol.ts";
import type { RepairFacts } from "#lib/repair-nat/facts.ts";
import { planAfterRepair } from "#lib/repair-nat/plan-after-repair.ts";
import type { RepairVerification } from "#lib/repair-nat/result.ts";
import type { CommandContext } from "../command-context.ts";
import { fromAws } from "../doctor/from-aws.ts";
import { fromHere } from "../doctor/from-here.ts";
import { nobody } from "../doctor/observer.ts";
import type { StageTarget } from "../target.ts";

export type VerifyOptions = {
  readonly target: StageTarget;
  /** For the agents. */
  readonly waitMs: number;
  readonly clock: Clock;
  readonly context: CommandContext;
};

/**
 * Whether a repair has mended the network: a new plan, when the agents have had their time; what the doctor finds in AWS's
 * control plane; and its walk through the tunnel to a query. What the doctor says is masked as in its own report.
 */
export async function verifyRepair(
  { target, waitMs, clock, context }: VerifyOptions,
  readFacts: () => Promise<RepairFacts>,
): Promise<RepairVerification> {
  context.output.note("verifying …");
  const startMs = clock.nowMs();
  const { steps: plan, unmended } = await planAfterRepair({ readFacts, waitMs, clock, signal: context.signal });
  const secrets: string[] = [];
  const observer = { ...nobody, onSecret: (secret: string) => void secrets.push(secret) };
  const [{ findings }, walked] = await Promise.all([
    fromAws(target, context),
    target.manifest.tunnel === undefined
      ? undefined
      : walkOnceHeard({
          walk: async () => fromHere(target, { transport: "ssm", engine: "native" }, context, observer),
          leftMs: waitMs - (clock.nowMs() - startMs),
          clock,
          signal: context.signal,
        }),
  ]);
  const isWhole = !findings.some(({ breaks }) => breaks.includes("tunnel") || breaks.includes("way-out"));
  const isMended = plan.length === 0 && unmended.length === 0 && isWhole;
  const said = { aws: findings.map(withFix), tunnel: walked === undefined ? undefined : explained(walked, findings) };
  const { aws, tunnel } = mask(said, { isUnmasked: false, isForStrangers: false, secrets });
  if (tunnel === undefined) return { ok: isMended, plan, unmended, aws };
  return { ok: isMended && tunnel.code === "ok", plan, unmended, aws, tunnel };
}

export type HearOptions = {
  readonly walk: () => Promise<DoctorReport | undefined>;
  /** Of the time that the agents have. */
  readonly leftMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

const pollMs = 2000;

/** Who may not be told of the agents hears from the walk alone that they are not back yet. */
export async function walkOnceHeard({ walk, leftMs, clock, signal }: HearOptions): Promise<DoctorReport | undefined> {
  const endMs = clock.nowMs() + leftMs;
  for (;;) {
    const report = await walk();
    if (report?.verdict.code !== "ssm.agent-offline" || clock.nowMs() >= endMs) return report;
    await clock.sleep(pollMs, signal);
  }
}

function withFix({ code, evidence, fix = describeVerdict(code).fix }: Finding) {
  return { code, evidence, fix };
}

/** The walk sees from outside what AWS gives the reason of: to check host and port helps nobody whose database is stopped. */
function explained({ verdict }: DoctorReport, findings: readonly Finding[]): DoctorVerdict {
  const reason = verdict.code === "ok" ? undefined : findings.find(({ breaks }) => breaks.some(isOfTunnel));
  return reason === undefined ? verdict : { ...verdict, fix: withFix(reason).fix };
}

function isOfTunnel(broken: Broken): boolean {
  return broken === "tunnel" || broken === "bastion-to-database" || broken === "database";
}
