import type { Duplex } from "node:stream";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { Resolve } from "./address-watch.ts";
import { Announcer } from "./announcer.ts";
import { readTunnelEnvironment } from "./environment.ts";
import type { TunnelEvent, TunnelEventName, TunnelEventOf } from "./events.ts";
import { type LocalPort, openLocalPort } from "./local-port.ts";
import { SharedInstance } from "./shared-instance.ts";
import type { TunnelState, TunnelStateName } from "./state.ts";
import { Supervisor } from "./supervisor.ts";
import type { Transport, TransportKind } from "./transport.ts";

export type TunnelOptions = {
  readonly transport: Transport;
  /** Default 0: any free one. */
  readonly port?: number | undefined;
  /** The address to listen on. Default 127.0.0.1. Danger: on any other, whoever reaches it reaches the database's port. */
  readonly bind?: string | undefined;
  /** Failures in a row after the first, before it gives up. Default: it never does. */
  readonly maxRetries?: number | undefined;
  /** A client is told when it has had no answer from the database for so long. Default 10 000. */
  readonly holdMs?: number | undefined;
  /** PostgreSQL is asked for a sign of life this often. Default 15 000. */
  readonly healthIntervalMs?: number | undefined;
  /** Its answer is waited for so long. Default 4000. */
  readonly healthDeadlineMs?: number | undefined;
  /** The first pause between two attempts; the next ones double. Default 200. */
  readonly retryDelayMs?: number | undefined;
  /** The longest pause between two attempts. Default 15 000, or `retryDelayMs` where that is longer. */
  readonly maxDelayMs?: number | undefined;
  /** Looks up the database's host: when it leads elsewhere, the link is opened anew (`resolveHost`). Default: not done. */
  readonly resolve?: Resolve | undefined;
  readonly onEvent?: ((event: TunnelEvent) => void) | undefined;
  readonly clock?: Clock | undefined;
};

export type TunnelStatus = {
  readonly state: TunnelStateName;
  /** Why it is not up. */
  readonly reason?: PosternError;
  readonly transport: TransportKind;
  /** For people: "db.internal:5432 through i-0abc". */
  readonly route: string;
  /** The local end. */
  readonly host: string;
  readonly port: number;
  /** Milliseconds since it came up; absent while it is not. */
  readonly upSinceMs?: number;
  /** How often a lost link was replaced. */
  readonly reconnects: number;
  /** Attempts at a link that failed. */
  readonly failedAttempts: number;
  /** Clients that came, since the start. */
  readonly connections: number;
  readonly openConnections: number;
  /** Clients that got no connection to the database. */
  readonly failedConnections: number;
  /** Clients whose connection was lost under way. */
  readonly brokenConnections: number;
  /** The share of clients that got a connection, from 0 to 1; 1 while nobody has come. */
  readonly successRate: number;
  /** Of all links, health checks included. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly roundTripMs?: number;
};

export type SharedTunnelOptions = Omit<TunnelOptions, "transport"> & {
  /** Default: the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
};

const defaults = Object.freeze({ port: 0, bind: "127.0.0.1", holdMs: 10_000 });

/**
 * A local port to the database that stays open whatever becomes of the way there. Clients that come while there is no
 * link wait a moment, and then work or are told why not.
 */
export class Tunnel implements AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Resolves when it is closed, with the reason where nobody asked for that. Never rejects. */
  readonly ended: Promise<PosternError | undefined>;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #supervisor: Supervisor;
  readonly #localPort: LocalPort;
  readonly #events: Announcer;

  /**
   * 1. Binds the port, so that a client never meets a closed one.
   * 2. Opens the link, as often as it takes, and asks PostgreSQL through it.
   *
   * After a failure, or an abort, nothing is left open.
   *
   * @throws PosternError `port.taken`, `usage.invalid`; a lasting reason (`isLasting`) at once; `tunnel.max-retries`; on
   * abort the signal's reason
   */
  static async connect(options: TunnelOptions, signal: AbortSignal = new AbortController().signal): Promise<Tunnel> {
    signal.throwIfAborted();
    const clock = options.clock ?? systemClock;
    const events = new Announcer(options.onEvent, clock);
    // No client is served before the supervisor is there: both come in the same turn.
    const localPort = await openLocalPort({
      port: options.port ?? defaults.port,
      bind: options.bind ?? defaults.bind,
      holdMs: options.holdMs ?? defaults.holdMs,
      clock,
      openStream: async (stop) => await supervisor.openStream(stop),
      expectAnswer: () => supervisor.expectAnswer(),
      checkSoon: () => supervisor.checkSoon(),
      explain: (failure) => explain(supervisor.state, options.transport.route, failure),
    });
    events.tell({ event: "listening", host: localPort.host, port: localPort.port });
    const { transport, maxRetries, healthIntervalMs, healthDeadlineMs, retryDelayMs, maxDelayMs, resolve } = options;
    const supervisor = new Supervisor({
      transport,
      maxRetries,
      healthIntervalMs,
      healthDeadlineMs,
      resolve,
      clock,
      backOff: { initialDelayMs: retryDelayMs, maxDelayMs },
      onOccurrence: (occurrence) => events.tell(occurrence),
    });
    const tunnel = new Tunnel(transport, clock, supervisor, localPort, events);
    try {
      await supervisor.whenUp(signal);
      return tunnel;
    } catch (error) {
      await tunnel[Symbol.asyncDispose]();
      throw error;
    }
  }

  static readonly #shared = new SharedInstance<Tunnel>();

  /**
   * The one tunnel of this process, through SSH, as the environment says (environment.ts). Whoever calls it again gets the
   * same one, or, when that has ended, another; an abort by the first caller ends it for all who wait.
   *
   * @throws PosternError `config.invalid` with everything that is wrong; what `connect` throws
   */
  static async initializeFromEnv(options: SharedTunnelOptions = {}, signal?: AbortSignal): Promise<Tunnel> {
    return await Tunnel.#shared.open(async () => {
      const { env = process.env, ...rest } = options;
      const read = readTunnelEnvironment(env);
      // It brings ssh2, which takes a while to load; other transports do without.
      const { sshTransport } = await import("./ssh/transport.ts");
      return await Tunnel.connect({ ...read.tunnel, ...rest, transport: sshTransport(read.ssh) }, signal);
    });
  }

  /** @throws PosternError `tunnel.not-running` where it was not initialized, or has ended */
  static getInstance(): Tunnel {
    const tunnel = Tunnel.#shared.current;
    if (tunnel !== undefined) return tunnel;
    throw new PosternError("tunnel.not-running", "This process has no tunnel.", {
      hint: "Await Tunnel.initializeFromEnv() first.",
    });
  }

  /** Closes the one tunnel, where there is one; `initializeFromEnv` then opens another. */
  static async resetInstance(): Promise<void> {
    await Tunnel.#shared.reset();
  }

  private constructor(
    transport: Transport,
    clock: Clock,
    supervisor: Supervisor,
    localPort: LocalPort,
    events: Announcer,
  ) {
    this.#transport = transport;
    this.#clock = clock;
    this.#supervisor = supervisor;
    this.#localPort = localPort;
    this.#events = events;
    this.host = localPort.host;
    this.port = localPort.port;
    this.ended = this.#end();
  }

  status(): TunnelStatus {
    const { state, links, reconnects, failedAttempts, roundTripMs } = this.#supervisor;
    const figures = this.#localPort.figures();
    const { connections, failedConnections } = figures;
    return {
      state: state.name,
      ...("reason" in state && state.reason !== undefined ? { reason: state.reason } : {}),
      transport: this.#transport.kind,
      route: this.#transport.route,
      host: this.host,
      port: this.port,
      ...(state.name === "up" ? { upSinceMs: Math.round(this.#clock.nowMs() - state.sinceMs) } : {}),
      reconnects,
      failedAttempts,
      ...figures,
      successRate: connections === 0 ? 1 : (connections - failedConnections) / connections,
      bytesUp: links.bytesUp,
      bytesDown: links.bytesDown,
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
    };
  }

  /** What a client of the local port gets, without the port: waits while there is no link. Rejects on abort, and once closed. */
  async openStream(signal: AbortSignal): Promise<Duplex> {
    return await this.#supervisor.openStream(signal);
  }

  /** Calls the listener at each event of that name, until what is returned is disposed. */
  on<Name extends TunnelEventName>(name: Name, listener: (event: TunnelEventOf<Name>) => void): Disposable {
    return this.#events.on(name, listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor[Symbol.asyncDispose]();
    await this.ended;
  }

  /** The port closes with the supervisor, whoever ended it. */
  async #end(): Promise<PosternError | undefined> {
    const reason = await this.#supervisor.ended;
    await this.#localPort[Symbol.asyncDispose]();
    return reason;
  }
}

/** What a client reads that was held in vain; in PostgreSQL's manner, without a capital and a full stop. */
function explain(
  state: TunnelState,
  route: string,
  failure: PosternError | undefined,
): { readonly message: string; readonly hint?: string } {
  const reason = "reason" in state && state.reason !== undefined ? state.reason : failure;
  const attempt = "attempt" in state ? `, attempt ${state.attempt}` : "";
  const lack = state.name === "up" ? "got no answer from the database" : "has no way to the database";
  const why = reason === undefined ? "" : `: ${reason.message.replace(/\.$/u, "")}`;
  return {
    message: `the tunnel to ${route} ${lack} (${state.name}${attempt})${why}`,
    ...(reason?.hint === undefined ? {} : { hint: reason.hint }),
  };
}
