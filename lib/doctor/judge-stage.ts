import { type Clock, systemClock } from "#lib/base/clock.ts";
import type { Manifest } from "#lib/contract.ts";
import type { AskOptions } from "#lib/control-plane/fact.ts";
import type { DoctorVerdict, InsideReport } from "#lib/protocol.ts";
import { combine, type Vantages } from "./combine.ts";
import { isTold, type ProxyWalk, targetCode } from "./control-plane/explain-proxy.ts";
import type { AwsReport } from "./control-plane/judge.ts";
import { proxyPhrases } from "./control-plane/proxy-sayings.ts";
import { withProxyLog } from "./control-plane/with-proxy-log.ts";
import { traitsOf } from "./verdicts.ts";

type KnownVantages = Vantages & { readonly aws: AwsReport };

export type Inquiry = Pick<AskOptions, "access" | "signal" | "limitMs"> & {
  readonly manifest: Manifest;
  /** The walk through the proxy. */
  readonly walk: ProxyWalk;
  readonly clock?: Clock;
};

/** So far back: clients that try again and again tell of the same trouble. */
const windowMs = 5 * 60_000;
/** What a proxy writes takes a moment until CloudWatch finds it: the walk's own lines are given so long from its beginning. */
const settleMs = 3000;
/** By so much this machine's clock may differ from AWS's. */
const clockSlackMs = 5000;

/**
 * The verdict of the vantages; and where that is the proxy's, of what its log says, which is read for this alone:
 *
 * 1. The verdict without the log. One that is not the proxy's stays, and so does that of a stage without a proxy.
 * 2. The lines of the last five minutes that say something of a failure; once more three seconds after the walk set out, where
 *    it was shorter, and none from within it speaks of it. Where that look fails, the first one's stays.
 * 3. The verdict with them (`explainProxy`), and what AWS says with a probe more.
 */
export async function judgeStage(
  vantages: KnownVantages,
  inquiry: Inquiry,
): Promise<{ readonly verdict: DoctorVerdict; readonly aws: AwsReport }> {
  const { manifest, clock = systemClock } = inquiry;
  const verdict = combine(vantages);
  const { aws } = vantages;
  if (manifest.proxy === undefined || !isOfProxy(verdict, vantages.vpc)) return { verdict, aws };
  const walk = { ...inquiry.walk, since: new Date(inquiry.walk.since.getTime() - clockSlackMs) };
  const first = await askLog(aws, { ...inquiry, walk }, manifest.proxy.name);
  const waitMs = Math.min(settleMs, inquiry.walk.since.getTime() + settleMs - clock.wallTime().getTime());
  const isFinal = first.proxyLog === undefined || isTold(verdict, first.proxyLog) || waitMs <= 0;
  if (!isFinal) await clock.sleep(waitMs, inquiry.signal);
  const again = isFinal ? first : await askLog(aws, { ...inquiry, walk }, manifest.proxy.name);
  const read = again.proxyLog === undefined ? first : again;
  return { verdict: combine({ ...vantages, aws: read }), aws: read };
}

/** Whether only the proxy is broken: its code says so, or it is what the walk through it met, and not the one beside it. */
function isOfProxy({ code }: DoctorVerdict, vpc: InsideReport | undefined): boolean {
  const isMetThere = vpc?.proxy?.verdict.code === code && vpc.verdict.code === "ok" && code !== "ok";
  return isMetThere || code === targetCode || traitsOf(code)?.place === "proxy";
}

async function askLog(aws: AwsReport, { walk, clock = systemClock, ...options }: Inquiry, proxy: string) {
  // Loaded here: most stages are never asked for it.
  const { readProxyLog } = await import("#lib/control-plane/proxy-log.ts");
  const since = new Date(clock.wallTime().getTime() - windowMs);
  const fact = await readProxyLog({ proxy, since, phrases: proxyPhrases }, { ...options, clock });
  return withProxyLog(aws, fact, walk);
}
