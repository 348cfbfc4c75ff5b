import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "#lib/base/clock.ts";
import { elapsedMs } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { encodeTerminate } from "#lib/postgres/wire/frontend.ts";
import { WireViolation } from "#lib/postgres/wire/backend.ts";
import { Conversation } from "./conversation.ts";
import { type Attempt, type SocketFacts, type Step, StepFailed, type StepName } from "./evidence.ts";
import { ObservedSocket } from "./observed-socket.ts";
import { authenticate } from "./probes/auth.ts";
import { judgeCertificate } from "./probes/certificate.ts";
import { resolveName } from "./probes/dns.ts";
import { rest } from "./probes/hold.ts";
import { askForRows, askForTheLength, askInSmallPackets, query } from "./probes/query.ts";
import { awaitReady } from "./probes/ready.ts";
import { requestTls } from "./probes/ssl-request.ts";
import { begin } from "./probes/startup.ts";
import { openConnection } from "./probes/tcp.ts";
import { startHandshake } from "./probes/tls.ts";
import { readSocketFacts } from "./socket-facts.ts";
import { limitTime } from "./time-limit.ts";

/** How long each step may take, in milliseconds. */
export const defaultCaps: Readonly<Record<StepName, number>> = {
  dns: 1500,
  tcp: 1500,
  "ssl-request": 1200,
  tls: 1300,
  certificate: 100,
  startup: 1300,
  auth: 1300,
  ready: 1300,
  query: 800,
  download: 900,
  upload: 900,
  parallel: 1600,
  hold: 1300,
};

export type WalkOptions = {
  readonly address: DatabaseAddress;
  /** Opens the connection instead of name and TCP: through a transport. */
  readonly open?: (signal: AbortSignal) => Promise<Duplex>;
  /** The last step to take. Default: `upload`, or `hold` where there is one. */
  readonly until?: StepName;
  /** Lets the connection rest so long after all other steps, and then asks again. */
  readonly holdMs?: number;
  /** What goes up goes in small packets. */
  readonly hasSmallPackets?: boolean;
  /** Asks the kernel about the socket also where no step failed. */
  readonly hasFacts?: boolean;
  /** Awaited when all steps are taken, or one failed, while the connection is still open. */
  readonly beforeEnd?: () => Promise<void>;
  /** A step begins: for whoever watches. */
  readonly onStep?: (name: StepName) => void;
  readonly caps?: Readonly<Record<StepName, number>>;
  readonly clock: Clock;
  /** For all of it. */
  readonly signal: AbortSignal;
};

const loadBytes = 32 * 1024;
/** A goodbye that cannot be written within this time is not waited for. */
const goodbyeMs = 100;

/**
 * One connection, step by step, up to the first that fails: name, TCP, request for TLS, handshake, certificate, startup,
 * authentication, ready, a query, 32 KB down, 32 KB up, rest. Nothing of it is left open, and a session that has begun is
 * ended with a goodbye.
 *
 * 1. Each step has its own time; all together have the signal's.
 * 2. No credentials go to a server whose certificate failed: the walk ends there.
 * 3. What failed is recorded as seen; what it means is for `judgement/judge.ts`.
 */
export async function walk(options: WalkOptions): Promise<Attempt> {
  const { address, open, holdMs, caps = defaultCaps, clock, signal } = options;
  const until = options.until ?? (holdMs === undefined ? "upload" : "hold");
  const steps: Step[] = [];
  let raw: Duplex | undefined;
  let facts: SocketFacts | undefined;
  let session: Conversation | undefined;
  let observed: ObservedSocket | undefined;
  let sentBeforeBytes = 0;
  await using opened = new AsyncDisposableStack();

  /** Takes one step; throws where the walk ends with it. */
  async function take<Found>(
    name: StepName,
    act: (
      signal: AbortSignal,
    ) => Promise<{ readonly detail: string; readonly warning?: string; readonly found: Found }>,
    capMs = caps[name],
  ): Promise<Found> {
    const startMs = clock.nowMs();
    sentBeforeBytes = observed?.observations.bytesOut ?? 0;
    const ms = () => elapsedMs(clock, startMs);
    using limit = limitTime(capMs, signal);
    try {
      if (signal.aborted) throw outOfTime();
      options.onStep?.(name);
      const { detail, warning, found } = await act(limit.signal);
      steps.push({
        name,
        ms: ms(),
        missedMs: limit.missedMs(),
        detail,
        ...(warning === undefined ? {} : { warning }),
      });
      if (name === until) throw new WalkIsOver();
      return found;
    } catch (error) {
      const failed = failedStep(error, signal.aborted && ms() < defaultCaps[name]);
      if (failed === undefined) throw error;
      steps.push({ name, ms: ms(), missedMs: limit.missedMs(), detail: failed.detail, failure: failed.failure });
      throw failed;
    }
  }

  try {
    const addresses = open === undefined ? await take("dns", (s) => resolveName(address.host, s)) : [];
    raw = await take("tcp", (s) => openConnection({ address, addresses, open, clock, signal: s }));
    const socket = new ObservedSocket(raw, () => clock.nowMs());
    observed = socket;
    socket.on("error", () => {});
    opened.defer(() => void socket.destroy());
    let stream: Duplex = socket;
    if (address.sslMode !== "disable") {
      const hasTls = await take("ssl-request", (s) => requestTls(socket, address, s));
      if (hasTls) {
        const secured = await take("tls", (s) => startHandshake(socket, address, s));
        opened.defer(() => void secured.destroy());
        await take("certificate", () => judgeCertificate(secured, address, clock));
        stream = secured;
      }
    }
    const conversation = new Conversation(stream, socket);
    const offered = await take("startup", (s) => begin(conversation, address, s));
    await take("auth", (s) => authenticate(conversation, address, offered, stream !== socket, s));
    await take("ready", async (s) => {
      const begun = await awaitReady(conversation, s);
      session = conversation;
      return begun;
    });
    await take("query", (s) => query(conversation, s));
    await take("download", (s) => askForRows(conversation, loadBytes, s));
    await take("upload", (s) =>
      options.hasSmallPackets === true
        ? askInSmallPackets(conversation, clock, s)
        : askForTheLength(conversation, loadBytes, s),
    );
    if (holdMs !== undefined) await take("hold", (s) => rest(conversation, holdMs, s), holdMs + caps.hold);
  } catch (error) {
    if (!(error instanceof StepFailed) && !(error instanceof WalkIsOver)) throw error;
    // While the socket is still there: afterwards the kernel has forgotten.
    const hasFacts = options.hasFacts === true || error instanceof StepFailed;
    if (hasFacts && raw instanceof Socket) facts = await readSocketFacts(raw, sentBeforeBytes);
    await options.beforeEnd?.();
    await session?.end(encodeTerminate(), goodbyeMs);
  }
  return { steps, ...(facts === undefined ? {} : { socket: facts }) };
}

class WalkIsOver extends Error {
  override readonly name = "WalkIsOver";
}

/** What a step's error says of it; undefined for an error that is no finding. `isCut`: it had less time than is its own. */
function failedStep(error: unknown, isCut: boolean): StepFailed | undefined {
  if (error instanceof WireViolation) {
    return new StepFailed({ kind: "stranger", what: error.message }, `not PostgreSQL: ${error.message}`);
  }
  if (!(error instanceof StepFailed)) return undefined;
  return error.failure.kind === "timeout" && isCut ? outOfTime() : error;
}

function outOfTime(): StepFailed {
  return new StepFailed({ kind: "out-of-time" }, "the time for all steps together was over");
}
