import { awsVerdicts } from "./verdicts/aws.ts";
import { databaseVerdicts } from "./verdicts/database.ts";
import { lastingVerdicts } from "./verdicts/lasting.ts";
import { pathVerdicts } from "./verdicts/path.ts";
import { reachVerdicts } from "./verdicts/reach.ts";
import { sessionVerdicts } from "./verdicts/session.ts";
import { sshVerdicts } from "./verdicts/ssh.ts";
import { ssmVerdicts } from "./verdicts/ssm.ts";
import { tlsVerdicts } from "./verdicts/tls.ts";
import type { FarEndVerdict, Traits, Verdict, VerdictTexts } from "./verdicts/traits.ts";

const farEndVerdicts: Readonly<Record<string, FarEndVerdict>> = { ...ssmVerdicts, ...sshVerdicts };

/**
 * Every root cause that the doctor can name: the public contract of its verdicts, from which the pages of
 * `doctor explain` are made. A code is never given another meaning; a cause that is told apart later gets one of its own.
 * What follows from a code stands here, too, as its traits: who reads a verdict asks for these.
 */
const verdictTable = {
  ok: {
    summary: "Everything that was tried answers, through to a query.",
    proof: "Every probe passed, with the logins that the steps name; another role's were not tried.",
    fix: "Nothing to do.",
    traits: { place: "either", source: "way", suspects: [] },
  },
  ambiguous: {
    summary: "What was seen fits more than one cause.",
    proof:
      "The failed step failed in another way when repeated, two causes look the same, or this machine was too busy to tell.",
    fix: "Look at the ranked causes: each says what would settle it.",
    traits: { place: "either", source: "way", suspects: [] },
  },

  // A connection, in the order of its steps
  ...reachVerdicts,
  ...tlsVerdicts,
  ...pathVerdicts,
  ...sessionVerdicts,
  ...databaseVerdicts,
  ...lastingVerdicts,

  // What a stage's transport says of its far end
  ...ssmVerdicts,
  ...sshVerdicts,

  // What AWS's control plane says of a stage
  ...awsVerdicts,
} as const satisfies Record<string, Verdict>;

export type VerdictCode = keyof typeof verdictTable;

export function describeVerdict(code: VerdictCode): VerdictTexts {
  const { summary, proof, fix } = verdictTable[code];
  return { summary, proof, fix };
}

export const verdictCodes = Object.keys(verdictTable) as readonly VerdictCode[];

export function isVerdictCode(code: string): code is VerdictCode {
  return Object.hasOwn(verdictTable, code);
}

/** Undefined for a code of another table: an error's. */
export function traitsOf(code: string): Traits | undefined {
  return isVerdictCode(code) ? verdictTable[code].traits : undefined;
}

/** What a transport that gives this reason did not do; undefined where it is none of a transport's. */
export function failsOf(code: string): FarEndVerdict["fails"] | undefined {
  return Object.hasOwn(farEndVerdicts, code) ? farEndVerdicts[code]?.fails : undefined;
}
