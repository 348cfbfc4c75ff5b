import type { Attempt, CertificateProblem, Failure } from "../evidence.ts";
import type { Findings } from "../findings.ts";
import { explainRefusal, noClientCertificate, type Words } from "./code-of-report.ts";
import type { VerdictCode } from "../verdicts.ts";

/** Silence looks the same with a pooler and without one, and the walk does not see which stands there. */
const silentAfterLogin: Words = {
  summary: "The login was accepted, and then nothing came: a pool without a free connection, or a server that hangs.",
  fix: "Behind a pooler or RDS Proxy, look at what holds its connections; at a server itself, at what its sessions wait for.",
};

/** What is nearer to this failure than the texts of its code; nothing where those are the nearest. */
export function wordsOfFailure(findings: Findings, witness: Attempt, failure: Failure, code: VerdictCode): Words {
  if (failure.kind === "refused") {
    const { code: own, ...words } = explainRefusal(findings, witness, failure);
    if (own === code) return words;
    // Full for several at a time: what is full is mended as for one.
    return words.fix === undefined ? {} : { fix: words.fix };
  }
  if (failure.kind === "client-certificate") return noClientCertificate;
  if (failure.kind === "certificate") return wordsOfCertificate(failure.problems);
  return failure.kind === "timeout" && code === "proxy.pool-exhausted" ? silentAfterLogin : {};
}

function wordsOfCertificate([first]: readonly CertificateProblem[]): Words {
  if (first?.flaw === undefined) return {};
  return {
    summary: `The server's certificate does not hold, whoever is trusted: ${first.flaw}.`,
    fix: "Have another certificate made, for the server or for the authority that signed its own: no --ca mends this one.",
  };
}
