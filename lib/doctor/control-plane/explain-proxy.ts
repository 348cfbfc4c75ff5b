import type { DoctorVerdict } from "#lib/protocol.ts";
import { joinEvidence } from "../join-evidence.ts";
import { describeVerdict, traitsOf, type VerdictCode } from "../verdicts.ts";
import type { ProxySaying, ProxySayingKind } from "./proxy-sayings.ts";

/** What the proxy's log says around a walk through it. */
export type ProxyLog = {
  /** The newest first. */
  readonly sayings: readonly ProxySaying[];
  readonly walk: ProxyWalk;
};

export type ProxyWalk = {
  /** When it set out, by this machine's clock. */
  readonly since: Date;
  /** As whom: the role's name, and that of its secret, as far as they are known. */
  readonly role?: string;
  readonly secret?: string;
};

/** RDS's own check of the proxy's target, which is every login's. */
export const targetCode = "aws.proxy-target";

type Meaning = {
  /** Verdicts that such a line speaks for. */
  readonly provesToo: readonly string[];
  /** What it proves where the walk knew no reason; absent: too little. */
  readonly code?: VerdictCode;
  /** What mends it, nearer than the verdict's own. */
  readonly fix?: string;
};

const rights =
  "Let the proxy's role read that secret, and use its key: refresh and deploy the stage (`npx sst refresh`, `npx sst deploy`).";
const meanings: Readonly<Record<ProxySayingKind, Meaning>> = {
  "secret-forbidden": {
    provesToo: [targetCode, "proxy.missing-secret"],
    code: "proxy.missing-secret",
    fix: rights,
  },
  "secret-doubled": {
    provesToo: [targetCode, "proxy.missing-secret"],
    code: "proxy.missing-secret",
    fix: "Two secrets of the proxy name the same role: take one of them from the proxy.",
  },
  "no-credentials": { provesToo: [targetCode, "proxy.missing-secret"] },
  "client-refused": { provesToo: ["auth.rejected"] },
  "tls-required": { provesToo: ["tls.required"] },
  "password-refused": {
    provesToo: [targetCode, "proxy.pool-exhausted", "proxy.secret-stale"],
    code: "proxy.secret-stale",
    fix: describeVerdict("proxy.secret-stale").fix,
  },
  "login-refused": { provesToo: [targetCode, "proxy.pool-exhausted"] },
  "database-full": { provesToo: [targetCode, "db.too-many-connections", "proxy.pool-exhausted"] },
  "timed-out": { provesToo: [targetCode, "proxy.pool-exhausted"] },
};

/**
 * The verdict of a broken proxy, in the light of its log. Pure.
 *
 * 1. The walk was told no reason, what it saw may be the proxy's own login, and a line from within it says that this very login
 *    fails: that is the verdict.
 * 2. Else the newest line that speaks for the verdict is evidence, too, unless it names another login than the walk's: the
 *    target's trouble alone is everybody's. What mends it is the line's, where that is from within the walk: an older one may
 *    be of trouble that is over.
 */
export function explainProxy(verdict: DoctorVerdict, { sayings, walk }: ProxyLog): DoctorVerdict {
  const told = sayings.find((one) => isDuring(one, walk) && decides(one, verdict, walk));
  const code = told === undefined ? undefined : meanings[told.kind].code;
  if (told !== undefined && code !== undefined) {
    const { summary, fix } = describeVerdict(code);
    const evidence = joinEvidence(quote(told), verdict.evidence);
    return { code, summary, fix: meanings[told.kind].fix ?? fix, evidence };
  }
  const said = sayings.find((one) => speaksFor(one, verdict, walk));
  if (said === undefined) return verdict;
  const { fix } = meanings[said.kind];
  const isItsOwn = verdict.code === targetCode || isOfLogin(said, walk);
  const isNearer = fix !== undefined && isItsOwn && isDuring(said, walk);
  return { ...verdict, ...(isNearer ? { fix } : {}), evidence: joinEvidence(verdict.evidence, quote(said)) };
}

/** Whether a line from within the walk speaks of it: none that is still to come says more. */
export function isTold(verdict: DoctorVerdict, { sayings, walk }: ProxyLog): boolean {
  return sayings.some((one) => isDuring(one, walk) && (decides(one, verdict, walk) || speaksFor(one, verdict, walk)));
}

function speaksFor(saying: ProxySaying, { code }: DoctorVerdict, walk: ProxyWalk): boolean {
  const namesNobody = saying.role === undefined && saying.secret === undefined;
  if (!meanings[saying.kind].provesToo.includes(code)) return false;
  return code === targetCode || namesNobody || isOfLogin(saying, walk);
}

function decides(saying: ProxySaying, { code, ranked = [] }: DoctorVerdict, walk: ProxyWalk): boolean {
  const isSuspected = [code, ...ranked.map((one) => one.code)].some(
    (one) => traitsOf(one)?.suspects.includes("proxy-login") === true,
  );
  return isSuspected && meanings[saying.kind].code !== undefined && isOfLogin(saying, walk);
}

function isOfLogin({ role, secret }: ProxySaying, walk: ProxyWalk): boolean {
  if (role !== undefined) return role === walk.role;
  if (secret === undefined || walk.secret === undefined) return false;
  // AWS puts a hyphen and six letters behind a name.
  return secret === walk.secret || secret.replace(/-\w{6}$/u, "").endsWith(`:secret:${walk.secret}`);
}

function isDuring({ at }: ProxySaying, { since }: ProxyWalk): boolean {
  return at >= since;
}

function quote({ at, text }: ProxySaying): string {
  return `the proxy's log at ${at.toISOString()}: ${text}`;
}
