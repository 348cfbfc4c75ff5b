import type { Manifest } from "#lib/contract.ts";
import type { Fact, Unknown } from "#lib/control-plane/fact.ts";
import type { ControlPlaneFacts } from "#lib/control-plane/read-control-plane.ts";
import type { ProbeReport } from "#lib/protocol.ts";
import { judgeDatabase } from "./database-findings.ts";
import { describeFacts } from "./describe-facts.ts";
import type { ProxyLog } from "./explain-proxy.ts";
import type { AwsProbe, Finding } from "./finding.ts";
import { judgeGroups } from "./group-findings.ts";
import { judgeNetwork } from "./network-findings.ts";

/** What the vantage `aws` has to say. */
export type AwsReport = {
  /** Of which it says it: for the commands that a fix names. */
  readonly stage: string;
  /** The likeliest root first. */
  readonly findings: readonly Finding[];
  /** Each question to AWS; what the findings make of it is said by `markProbes`, once the verdict is known. */
  readonly probes: readonly AwsProbe[];
  /** What AWS did not say. */
  readonly unknown: readonly Unknown[];
  /** Absent: not read, for the proxy is well, or nothing is known of it. */
  readonly proxyLog?: ProxyLog;
};

/** From the facts to findings. Pure but for the clock, by which a certificate ends soon. */
export function judgeControlPlane(manifest: Manifest, facts: ControlPlaneFacts, now: Date): AwsReport {
  return {
    stage: manifest.stage,
    findings: [
      ...judgeNetwork(manifest, facts.network),
      ...judgeGroups(manifest, facts),
      ...judgeDatabase(manifest, facts),
    ],
    probes: describeFacts(manifest, facts, now),
    unknown: allFacts(facts).filter((fact) => fact.kind === "unknown"),
  };
}

function allFacts({ identity, network, groups, database, events, proxy }: ControlPlaneFacts): Fact<unknown>[] {
  const ofProxy = proxy === undefined ? [] : [proxy.itself, proxy.targets, ...proxy.secrets.map(({ state }) => state)];
  return [identity, ...Object.values(network), groups, database, events, ...ofProxy];
}

/**
 * The probes of a report whose verdict is known. A finding that is not the verdict of a stage that works is a warning: it
 * breaks nothing now.
 */
export function markProbes({ probes, findings }: AwsReport, verdictCode: string): readonly ProbeReport[] {
  return probes.map((probe) => {
    const { warning: _other, ...plain } = probe;
    const said = findings.filter((finding) => finding.probe === probe.name).map(({ evidence }) => evidence);
    if (said.length === 0) return probe;
    const text = said.join("; ");
    return verdictCode === "ok"
      ? Object.assign({}, probe, { warning: text })
      : Object.assign(plain, { ok: false, detail: text });
  });
}
