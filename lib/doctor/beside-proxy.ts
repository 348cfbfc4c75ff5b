import type { DoctorReport, DoctorVerdict } from "#lib/protocol.ts";
import { joinEvidence } from "./join-evidence.ts";

/**
 * A stage is well when its proxy is, too. Pure.
 *
 * 1. Whatever is wrong without it comes first: the proxy leads to the same database.
 * 2. Where all of that is well, what is broken through the proxy is the proxy's.
 */
export function besideProxy(verdict: DoctorVerdict, proxy: DoctorReport | undefined): DoctorVerdict {
  if (verdict.code !== "ok" || proxy === undefined || proxy.verdict.code === "ok") return verdict;
  const seen = `from inside the VPC, through the proxy: ${proxy.verdict.evidence ?? ""}`;
  const evidence = joinEvidence(seen, "without it the database is well");
  return { ...proxy.verdict, evidence };
}
