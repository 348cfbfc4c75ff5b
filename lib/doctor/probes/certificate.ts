import { checkServerIdentity, type PeerCertificate, type TLSSocket } from "node:tls";
import type { Clock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { type ChainProblem, chainProblemOf } from "../chain-problem.ts";
import { daysUntil, endsSoon } from "../certificate-end.ts";
import { type CertificateProblem, StepFailed } from "../evidence.ts";

/**
 * All that is wrong with a server's certificate, by what the address asks for: dates, authority, name.
 *
 * @throws StepFailed for a server to which no credentials may be sent
 */
export async function judgeCertificate(
  secured: TLSSocket,
  address: DatabaseAddress,
  clock: Clock,
): Promise<{ readonly detail: string; readonly warning?: string; readonly found: undefined }> {
  const certificate = secured.getPeerCertificate();
  const now = clock.wallTime();
  const problems = problemsOf(certificate, chainProblemOf(secured), address, now);
  if (problems.length > 0) {
    throw new StepFailed({ kind: "certificate", problems }, problems.map(({ text }) => text).join("; "));
  }
  const verified = address.sslMode === "verify-full" ? "verified" : `as far as sslmode ${address.sslMode} asks`;
  const warning = checksChain(address) ? warnOfEnd(certificate, now) : undefined;
  return {
    detail: `${verified}, valid until ${dayOf(certificate.valid_to)}`,
    ...(warning === undefined ? {} : { warning }),
    found: undefined,
  };
}

function warnOfEnd(certificate: PeerCertificate, now: Date): string | undefined {
  const end = new Date(certificate.valid_to);
  if (!endsSoon(end, now)) return undefined;
  const days = daysUntil(end, now);
  return `It expires within ${days === 1 ? "a day" : `${days} days`}: renew it before.`;
}

function checksChain(address: DatabaseAddress): boolean {
  return address.sslMode.startsWith("verify-") || address.ca !== undefined;
}

function problemsOf(
  certificate: PeerCertificate,
  chain: ChainProblem | undefined,
  address: DatabaseAddress,
  now: Date,
): readonly CertificateProblem[] {
  if (!checksChain(address)) return [];
  const problems: CertificateProblem[] = [];
  if (new Date(certificate.valid_to) < now) {
    problems.push({ code: "cert.expired", text: `it expired on ${dayOf(certificate.valid_to)}` });
  }
  if (new Date(certificate.valid_from) > now) {
    problems.push({ code: "cert.not-yet-valid", text: `it is valid from ${dayOf(certificate.valid_from)}` });
  }
  if (chain !== undefined && !(problems.length > 0 && chain.code in datesCodes)) {
    const { code, flaw } = chain;
    problems.push({
      code: datesCodes[code] ?? "cert.unknown-ca",
      text: `its chain: ${flaw ?? code}`,
      ...(flaw === undefined ? {} : { flaw }),
    });
  }
  const name = address.servername ?? address.host;
  const checksName = address.sslMode === "verify-full" || address.ca === undefined;
  if (checksName && checkServerIdentity(name, certificate) !== undefined) {
    problems.push({
      code: "cert.wrong-host",
      text: `it is for ${certificate.subjectaltname ?? String(certificate.subject.CN)}, and ${name} was asked for`,
    });
  }
  return problems;
}

/** Of any certificate in the chain. */
const datesCodes: Readonly<Record<string, CertificateProblem["code"]>> = {
  CERT_HAS_EXPIRED: "cert.expired",
  CERT_NOT_YET_VALID: "cert.not-yet-valid",
};

function dayOf(date: string): string {
  const parsed = new Date(date);
  return Number.isNaN(parsed.getTime()) ? date : parsed.toISOString().slice(0, 10);
}
