import type { ServerReport } from "#lib/postgres/wire/fields.ts";
import { type Attempt, type Failure, failureOf, type StepName } from "./evidence.ts";
import { describeVerdict, type VerdictCode } from "./verdicts.ts";

export type Judgement = {
  readonly code: VerdictCode;
  readonly summary: string;
  readonly fix: string;
  /** What proves it: the failed step, and what was seen there. Absent for `ok`. */
  readonly evidence?: string;
  /** Where the code is `ambiguous`: the causes that fit, the likeliest first, and what would settle each. */
  readonly ranked?: readonly { readonly code: VerdictCode; readonly settle: string }[];
};

export type Findings = {
  /** The first walk, and where it failed a second over a fresh connection. */
  readonly attempts: readonly Attempt[];
  /** Whether a handshake that only earns an alert of a few bytes got one, where the handshake itself got nothing. */
  readonly isTinyReplyAnswered?: boolean;
};

/**
 * From what the probes saw to the one root cause. Pure.
 *
 * 1. The first failed step decides the layer: whatever comes after it was never reached.
 * 2. What one connection proves by itself (a refusal, a certificate, an error of the server's) is taken at once.
 * 3. What may be chance (silence, a reset) counts only if a fresh connection failed in the same way; if not, the way
 *    loses packets.
 * 4. Where the same evidence fits two causes, that is what is said.
 */
export function judge(findings: Findings): Judgement {
  const [first, second] = findings.attempts;
  if (first === undefined) throw new TypeError("a judgement without an attempt");
  const failed = failureOf(first);
  if (failed === undefined) return judgement("ok");
  const { step, failure } = failed;
  const evidence = evidenceOf(first, step);
  if (!mayBeChance(failure) || second === undefined) return conclude(findings, step, failure, evidence);
  const again = failureOf(second);
  if (again?.step === step && again.failure.kind === failure.kind) return conclude(findings, step, failure, evidence);
  const otherwise =
    again === undefined ? "a fresh connection got through" : `a fresh connection failed at ${again.step} instead`;
  return judgement("path.lossy", `${evidence}; ${otherwise}`);
}

/** Whether a second, fresh connection is needed before anything is concluded. */
export function needsRepeat(attempt: Attempt): boolean {
  const failed = failureOf(attempt);
  return failed !== undefined && failed.step !== "dns" && mayBeChance(failed.failure);
}

function mayBeChance(failure: Failure): boolean {
  return failure.kind === "timeout" || failure.kind === "ended" || failure.kind === "corrupted";
}

function conclude(findings: Findings, step: StepName, failure: Failure, evidence: string): Judgement {
  const code = codeOf(findings, step, failure);
  if (typeof code === "string") return judgement(code, evidence);
  return { ...judgement("ambiguous", evidence), ranked: code };
}

type Ranked = NonNullable<Judgement["ranked"]>;

function codeOf(findings: Findings, step: StepName, failure: Failure): VerdictCode | Ranked {
  switch (failure.kind) {
    case "timeout":
      return codeOfSilence(findings, step, failure.hasBytes);
    case "ended":
      return codeOfEnd(step, failure);
    case "errno":
      return codeOfErrno(step, failure.errno, failure.ms);
    case "alert":
      return codeOfAlert(failure.alert);
    case "corrupted":
      return "tls.corrupted";
    case "stranger":
      return "endpoint.not-postgres";
    case "no-tls":
      return "tls.refused";
    case "certificate":
      return failure.problems[0]?.code ?? "cert.unknown-ca";
    case "refused":
      return codeOfReport(failure.report, failure.isPasswordProven);
    case "impostor":
      return "auth.impostor";
    case "read-only":
      return "db.read-only";
    case "no-method":
      return "auth.method";
    case "limit":
      return "parallel.limit";
    default:
      return failure satisfies never;
  }
}

function codeOfSilence(findings: Findings, step: StepName, hasBytes: boolean): VerdictCode | Ranked {
  const facts = findings.attempts.map(({ socket }) => socket).filter((socket) => socket !== undefined);
  const isHoleProven = facts.some(({ hasOutOfOrder }) => hasOutOfOrder);
  const isUnacked = facts.length > 0 && facts.every(({ unackedBytes }) => unackedBytes > 0);
  switch (step) {
    case "dns":
      return "dns.unavailable";
    case "tcp":
      return "tcp.timeout";
    case "ssl-request":
      return "endpoint.silent";
    case "tls":
      if (isHoleProven) return "path.mtu-down";
      if (isUnacked) return "path.flow-cut";
      if (findings.isTinyReplyAnswered === true) return "path.mtu-down";
      if (hasBytes) return "path.slow";
      return "tls.stalled";
    case "certificate":
    case "startup":
      return "startup.stalled";
    case "auth":
      return "auth.stalled";
    case "ready":
      return "proxy.pool-exhausted";
    case "query":
    case "download":
      if (isHoleProven) return "path.mtu-down";
      if (hasBytes) return "path.slow";
      return [
        { code: "path.mtu-down", settle: "ping the host with large packets (ping -M do -s 1400)" },
        { code: "proxy.pool-exhausted", settle: "run the doctor from inside the VPC against the instance itself" },
      ];
    case "upload":
      if (isUnacked || facts.length === 0) return "path.mtu-up";
      return "path.slow";
    case "parallel":
      return "parallel.limit";
    case "hold":
      return "idle.silent";
    default:
      return step satisfies never;
  }
}

function codeOfEnd(step: StepName, { how }: Extract<Failure, { kind: "ended" }>): VerdictCode {
  const isReset = how === "reset";
  switch (step) {
    case "dns":
    case "tcp":
    case "ssl-request":
      return isReset ? "endpoint.reset" : "endpoint.closed";
    case "tls":
    case "certificate":
      return isReset ? "tls.reset" : "tls.closed";
    case "startup":
      return isReset ? "startup.reset" : "startup.closed";
    case "auth":
    case "ready":
      return "auth.closed";
    case "query":
    case "download":
    case "upload":
      return "path.cut";
    case "parallel":
      return "parallel.limit";
    case "hold":
      return isReset ? "idle.reset" : "idle.closed";
    default:
      return step satisfies never;
  }
}

/** A host on the own network that does not answer for its address takes seconds; a router refuses at once. */
const atOnceMs = 1000;

function codeOfErrno(step: StepName, errno: string, ms: number): VerdictCode {
  if (step === "dns") return errno === "ENOTFOUND" || errno === "ENODATA" ? "dns.not-found" : "dns.unavailable";
  switch (errno) {
    case "ECONNREFUSED":
      return "tcp.refused";
    case "EHOSTUNREACH":
      return ms > atOnceMs ? "tcp.host-down" : "route.unreachable";
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return "route.unreachable";
    case "EINVAL":
      return "route.local-blackhole";
    case "ECONNRESET":
      return "endpoint.reset";
    default:
      return "tcp.timeout";
  }
}

/** @see https://www.iana.org/assignments/tls-parameters/tls-parameters.xhtml#tls-parameters-6 */
function codeOfAlert(alert: number): VerdictCode {
  if (alert === 40 || alert === 71) return "tls.no-common-cipher";
  if (alert === 70) return "tls.version";
  if (alert === 112) return "tls.unknown-name";
  return "tls.closed";
}

/** For poolers the text goes before the code: they use PostgreSQL's codes for causes of their own. */
const reportTexts: readonly (readonly [RegExp, VerdictCode])[] = [
  // RDS Proxy
  [/has no credentials for the role/i, "proxy.missing-secret"],
  [/waiting to acquire database connection/i, "proxy.pool-exhausted"],
  [/maximum number of client connections/i, "db.too-many-connections"],
  [/requires TLS connections|only with SSL connections|no encryption|SSL off/i, "tls.required"],
  // PgBouncer
  [/no such user/i, "proxy.missing-secret"],
  [/query_wait_timeout/i, "proxy.pool-exhausted"],
  [/no more connections allowed/i, "db.too-many-connections"],
];

const reportStates: Readonly<Record<string, VerdictCode>> = {
  "25006": "db.read-only",
  "28000": "auth.no-login",
  "28P01": "auth.rejected",
  "3D000": "db.missing",
  "42501": "db.no-connect-privilege",
  "53300": "db.too-many-connections",
  "57P01": "db.starting",
  "57P02": "db.starting",
  "57P03": "db.starting",
};

function codeOfReport({ sqlState, message }: ServerReport, isPasswordProven: boolean): VerdictCode {
  if (isPasswordProven && /password authentication failed|authentication failed/i.test(message)) {
    return "proxy.secret-stale";
  }
  const byText = reportTexts.find(([pattern]) => pattern.test(message))?.[1];
  return byText ?? (Object.hasOwn(reportStates, sqlState) ? reportStates[sqlState] : undefined) ?? "db.failed";
}

function evidenceOf(attempt: Attempt, name: StepName): string {
  const step = attempt.steps.find((one) => one.name === name);
  return `${name}: ${step?.detail ?? "failed"}`;
}

function judgement(code: VerdictCode, evidence?: string): Judgement {
  const { summary, fix } = describeVerdict(code);
  return { code, summary, fix, ...(evidence === undefined ? {} : { evidence }) };
}
