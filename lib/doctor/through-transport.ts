import { type Clock, elapsedMs, systemClock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport, DoctorVerdict, ProbeReport } from "#lib/protocol.ts";
import type { Link, Transport, TransportKind } from "#lib/tunnel/transport.ts";
import { examine } from "./examine.ts";
import type { StepName } from "./evidence.ts";
import { codeOfSilence, codeOfTransport, type FarEndPhase, isFarEndReason, isServersAnswer } from "./far-end.ts";
import { describeVerdict, isVerdictCode } from "./verdicts.ts";
import { defaultCaps } from "./walk.ts";

export type ThroughOptions = {
  readonly transport: Transport;
  /** Where the database is, with a login; fails where that cannot be read. */
  readonly readAddress: () => Promise<DatabaseAddress>;
  /** The last step to take. Default: all of them. */
  readonly until?: StepName;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
  /** A step begins: for whoever watches. */
  readonly onStep?: (name: string) => void;
};

/** To begin a session is up to AWS and the bastion; the way to a server of SSH's is a connection like any other. */
const connectMs: Readonly<Record<TransportKind, number>> = { ssm: 8000, ssh: 4000, direct: 4000 };

/** For all of it, where the connection was quick; the walk has `leastMs` at least. */
const wholeMs = 4500;
const leastMs = 3900;

/** A session says after three seconds why its first stream has no answer: the walk waits for its words. */
const sessionCaps = { ...defaultCaps, "ssl-request": 3600 };

/**
 * The walk through a stage's transport:
 *
 * 1. Connects. The transport's own reason, where it has one, is the verdict: nothing behind it was reached.
 * 2. Reads the login. Why it cannot be had is the verdict then: AWS said so, and the database was not asked.
 * 3. Walks. What the far end says of the way from there to the database comes before what that looks like from here, where
 *    it is a connection that closes or says nothing. Nothing is left open.
 */
export async function examineThrough(options: ThroughOptions): Promise<DoctorReport> {
  const { transport, readAddress, until, clock = systemClock, signal, onStep = () => {} } = options;
  const { kind, route } = transport;
  const startMs = clock.nowMs();
  const probes: ProbeReport[] = [];
  let name = "transport";
  let beganMs = startMs;
  const begin = (step: string) => {
    name = step;
    beganMs = clock.nowMs();
    onStep(step);
  };
  let farEnd: ReturnType<typeof listenToFarEnd> | undefined;
  const add = (ok: boolean, detail: string) => {
    probes.push({ name, vantage: "here", ok, ms: elapsedMs(clock, beganMs), detail });
  };
  try {
    begin("transport");
    await using link = await connectIn(transport, connectMs[kind], signal);
    add(true, route);
    begin("login");
    const address = await readAddress();
    add(true, `as ${address.user}`);
    name = "far-end";
    beganMs = clock.nowMs();
    farEnd = listenToFarEnd(link);
    const limits = { ...(kind === "ssm" ? { caps: sessionCaps } : {}), ...(until === undefined ? {} : { until }) };
    const withinMs = Math.max(leastMs, wholeMs - elapsedMs(clock, startMs));
    const report = await examine({ address, open: farEnd.open, ...limits, withinMs, clock, signal, onStep });
    const reason = farEnd.reason();
    const walked = { probes: [...probes, ...report.probes], ms: elapsedMs(clock, startMs) };
    if (reason !== undefined && report.verdict.code !== "ok" && !isServersAnswer(report.verdict.code)) {
      return { ...walked, verdict: verdictOf(codeOfTransport(kind, "stream", reason.code), reason, name) };
    }
    if (isUnopened(report)) return { ...walked, verdict: silent(transport, "stream", name) };
    return { ...walked, verdict: until === undefined ? report.verdict : asFarAs(until, report.verdict) };
  } catch (error) {
    signal.throwIfAborted();
    const phase = name === "transport" ? "connect" : "stream";
    const known = farEnd?.reason() ?? toPosternError(error);
    const isSilent = known.code === "aborted" && phase === "connect";
    add(false, isSilent ? silenceOf(transport, phase) : known.message);
    const verdict = isSilent
      ? silent(transport, phase, name)
      : verdictOf(name === "login" ? known.code : codeOfTransport(kind, phase, known.code), known, name);
    return { verdict, probes, ms: elapsedMs(clock, startMs) };
  }
}

async function connectIn(transport: Transport, ms: number, signal: AbortSignal): Promise<Link> {
  return await transport.connect(AbortSignal.any([signal, AbortSignal.timeout(ms)]));
}

/** Opens streams, and remembers why the link ended, else the first reason that the far end gave for one of them. */
function listenToFarEnd(link: Link) {
  let end: PosternError | undefined;
  let reason: PosternError | undefined;
  void link.ended.then((why) => (end = why));
  const hear = (error: unknown) => {
    if (error instanceof PosternError && isFarEndReason(error.code)) reason ??= error;
  };
  return {
    open: async (stop: AbortSignal) => {
      const stream = await link.openStream(stop);
      stream.on("error", hear);
      return stream;
    },
    reason: () => end ?? reason,
  };
}

/** A walk that was to end before the query proves no more than that. */
function asFarAs(until: StepName, verdict: DoctorVerdict): DoctorVerdict {
  if (verdict.code !== "ok") return verdict;
  return { ...verdict, summary: `All is well as far as the ${until}; nobody logged in.` };
}

/** The transport never said whether the far end accepted. */
function isUnopened({ verdict, probes }: DoctorReport): boolean {
  return verdict.code === "tcp.timeout" && probes.at(-1)?.name === "tcp";
}

function silent(transport: Transport, phase: FarEndPhase, name: string): DoctorVerdict {
  const code = codeOfSilence(transport.kind, phase);
  const { summary, fix } = describeVerdict(code);
  return { code, summary, fix, evidence: `${name}: ${silenceOf(transport, phase)}` };
}

function silenceOf({ kind, route }: Transport, phase: FarEndPhase): string {
  return phase === "connect"
    ? `no connection within ${connectMs[kind] / 1000} s: ${route}`
    : `no answer of the far end: ${route}`;
}

/** The table's summary where it has one; the hint of the error is nearer to it than any table's fix. */
function verdictOf(code: string, { message, hint }: PosternError, name: string): DoctorVerdict {
  const known = isVerdictCode(code) ? describeVerdict(code) : undefined;
  return {
    code,
    summary: known?.summary ?? message,
    fix: hint ?? known?.fix ?? "See the message.",
    evidence: `${name}: ${message}`,
  };
}
