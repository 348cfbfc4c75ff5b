import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport, InsideReport } from "#lib/protocol.ts";
import { isUnanswered } from "#lib/stage/aws-errors.ts";
import { examine } from "./examine.ts";
import { describeVerdict, isVerdictCode } from "./verdicts.ts";
import { silentSecret } from "./way-out.ts";

export type InsideOptions = {
  /** Without user and password, which `login` has. */
  readonly place: Omit<DatabaseAddress, "user" | "password">;
  /** The login of a role; fails where its secret cannot be read. */
  readonly login: () => Promise<Pick<DatabaseAddress, "user" | "password">>;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
};

/** Two listeners that one stage has, each with a login of its own. */
export type BothInsideOptions = {
  readonly database: Omit<InsideOptions, "signal">;
  readonly proxy?: Omit<InsideOptions, "signal">;
  readonly signal: AbortSignal;
};

/** The secret may take so long; a network without a way out says nothing. */
const secretMs = 3000;

/**
 * The doctor's walk from inside the VPC. Where the secret cannot be read (which is what a dead NAT looks like from here),
 * the walk still goes as far as the certificate, for which nobody needs to log in. Where that is well, why the secret cannot be
 * had is the verdict: the way to AWS, or AWS itself, and not the database.
 */
export async function examineFromInside(options: InsideOptions): Promise<DoctorReport> {
  const { place, login, clock = systemClock, signal } = options;
  const startMs = clock.nowMs();
  const found = await readLogin(login);
  const ms = elapsedMs(clock, startMs);
  const common = { vantage: "vpc", clock, signal } as const;
  if ("user" in found) return await examine({ address: { ...place, ...found }, ...common });
  const report = await examine({ address: { ...place, user: "nobody" }, until: "certificate", ...common });
  const { code, message, hint } = found.error;
  const detail = `${code}: ${message}`;
  const probes = [...report.probes, { name: "secret", vantage: "vpc", ok: false, ms, detail } as const];
  if (report.verdict.code !== "ok") return { ...report, probes };
  const evidence = `secret: ${message}`;
  if (found.isSilent) return { ...report, probes, verdict: silentSecret(evidence) };
  const fix = hint ?? (isVerdictCode(code) ? describeVerdict(code).fix : "Look at the function's log.");
  return { ...report, probes, verdict: { code, summary: message, fix, evidence } };
}

/** The walk to the instance and the one to the proxy, side by side: where they part is whose fault it is. */
export async function examineBothFromInside(options: BothInsideOptions): Promise<InsideReport> {
  const { database, proxy, signal } = options;
  if (proxy === undefined) return await examineFromInside({ ...database, signal });
  const [direct, through] = await Promise.all([
    examineFromInside({ ...database, signal }),
    examineFromInside({ ...proxy, signal }),
  ]);
  return { ...named(direct, "database"), proxy: named(through, "proxy") };
}

function named(report: DoctorReport, to: "database" | "proxy"): DoctorReport {
  return { ...report, probes: report.probes.map((probe) => ({ ...probe, to })) };
}

type NoLogin = {
  readonly error: PosternError;
  /** Nothing came: neither a refusal nor a failure. */
  readonly isSilent: boolean;
};

async function readLogin(login: InsideOptions["login"]): Promise<Pick<DatabaseAddress, "user" | "password"> | NoLogin> {
  const late = Promise.withResolvers<never>();
  const silence = new PosternError("aws.failed", `Secrets Manager did not answer within ${secretMs / 1000} s.`);
  const timeOut = () => late.reject(silence);
  const timer = setTimeout(timeOut, secretMs);
  try {
    // Not where it says that the database is: the walk goes to its own place.
    const { user, password } = await Promise.race([login(), late.promise]);
    return password === undefined ? { user } : { user, password };
  } catch (error) {
    return { error: toPosternError(error), isSilent: error === silence || isUnanswered(error) };
  } finally {
    clearTimeout(timer);
  }
}
