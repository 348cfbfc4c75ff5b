import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { callbackify } from "node:util";
import { Client } from "pg";
import { PosternError } from "#lib/base/errors.ts";
import { type DatabaseAddress, describeAddress } from "./address.ts";
import { toDatabaseError } from "./errors.ts";
import { notPostgres, openTcp, startTls, tlsVersionOf } from "./socket.ts";

export type ClientOptions = {
  /** What `pg_stat_activity` shows; PostgreSQL keeps 63 bytes of it. */
  readonly applicationName: string;
  /** Ends the attempt; has no effect once connected. */
  readonly signal?: AbortSignal | undefined;
  /** Bounds name lookup, TCP, TLS and log-in together. Default: `connect_timeout` of the URL, else 10 s. */
  readonly connectTimeoutMs?: number | undefined;
  /** Default: the role's own setting, as for the two below. */
  readonly statementTimeoutMs?: number | undefined;
  readonly lockTimeoutMs?: number | undefined;
  readonly idleInTransactionTimeoutMs?: number | undefined;
};

const defaultConnectTimeoutMs = 10_000;

/** A goodbye that gets no answer within this time is not waited for. */
const goodbyeTimeoutMs = 1000;

/**
 * A node-postgres client that opens its own socket, so that TLS means what `DatabaseAddress` says. It is given a
 * configuration object and never a connection string: `?sslmode=` in one wins over the TLS options and drops the CA.
 * A class because `pg.Pool` makes its clients with `new`; everyone else calls `connect` in connect.ts.
 */
export class AddressedClient extends Client {
  readonly #address: DatabaseAddress;
  readonly #options: ClientOptions;
  #socket: Socket | undefined;

  constructor(address: DatabaseAddress, options: ClientOptions) {
    super({
      host: address.host,
      port: address.port,
      database: address.database,
      user: address.user,
      // A function, because for an absent or empty string node-postgres looks at PGPASSWORD and ~/.pgpass.
      password: () => address.password ?? "",
      // TLS is done before node-postgres sees the socket; said outright because PGSSLMODE would decide otherwise.
      ssl: false,
      sslnegotiation: "postgres",
      // As libpq: over TLS, SCRAM proves that the server holding the password is the one holding the certificate.
      enableChannelBinding: true,
    });
    this.#address = address;
    this.#options = options;
    // A connection that dies while idle emits `error`, which ends the process when nobody listens. The next query
    // reports it.
    this.on("error", () => {});
  }

  /**
   * The whole startup message, in the place of the driver's own, which adds what PGOPTIONS and PGREPLICATION say: settings
   * of a stranger's session, and parameters that RDS Proxy and PgBouncer refuse.
   */
  getStartupConf(): Readonly<Record<string, string>> {
    const { user, database } = this.#address;
    return { user, database, application_name: applicationName(this.#address, this.#options) };
  }

  /** For instance "TLSv1.3"; undefined on a plain connection. */
  get tlsVersion(): string | undefined {
    return this.#socket === undefined ? undefined : tlsVersionOf(this.#socket);
  }

  /**
   * Opens the socket, starts TLS, logs in and applies the timeouts, all within the connect timeout.
   * After a failure or an abort no socket is left.
   *
   * @throws PosternError
   */
  override connect(): Promise<Client>;
  override connect(callback: (error: Error | null, client?: Client) => void): void;
  override connect(callback?: (error: Error | null, client?: Client) => void): Promise<Client> | undefined {
    if (callback === undefined) return this.#open();
    callbackify(async () => await this.#open())(callback);
    return undefined;
  }

  /** Says goodbye to the server; when it does not answer, the socket is destroyed after a second. */
  override end(): Promise<void>;
  override end(callback: (error: Error) => void): void;
  override end(callback?: (error: Error) => void): Promise<void> | undefined {
    const timer = setTimeout(() => this.destroy(), goodbyeTimeoutMs);
    this.once("end", () => clearTimeout(timer));
    if (this.#socket === undefined || this.#socket.destroyed) clearTimeout(timer);
    if (callback === undefined) return super.end();
    super.end(callback);
    return undefined;
  }

  /** Closes the socket at once; a query under way fails. */
  destroy(): void {
    this.#socket?.destroy();
  }

  get #doing(): string {
    return `connecting to ${describeAddress(this.#address)} as ${this.#address.user}`;
  }

  async #open(): Promise<Client> {
    const stop = new AbortController();
    let hasTcp = false;
    const timer = setTimeout(() => stop.abort(this.#timeoutError(hasTcp)), this.#connectTimeoutMs);
    const onAbort = () => stop.abort(new PosternError("aborted", `Stopped while ${this.#doing}.`));
    this.#options.signal?.addEventListener("abort", onAbort, { once: true });
    if (this.#options.signal?.aborted === true) onAbort();
    try {
      const socket = await openTcp(this.#address, stop.signal);
      hasTcp = true;
      this.#socket = await startTls(socket, this.#address, stop.signal);
      stop.signal.addEventListener("abort", () => this.destroy(), { once: true });
      stop.signal.throwIfAborted();
      presentToDriver(this, this.#socket, this.#address);
      await super.connect();
      await this.#applyTimeouts();
      return this;
    } catch (error) {
      this.destroy();
      throw stop.signal.aborted ? stop.signal.reason : toDatabaseError(error, this.#doing);
    } finally {
      clearTimeout(timer);
      this.#options.signal?.removeEventListener("abort", onAbort);
    }
  }

  get #connectTimeoutMs(): number {
    return this.#options.connectTimeoutMs ?? this.#address.connectTimeoutMs ?? defaultConnectTimeoutMs;
  }

  #timeoutError(hasTcp: boolean): PosternError {
    const what = `${this.#doing[0]?.toUpperCase()}${this.#doing.slice(1)} failed`;
    const limit = `within ${this.#connectTimeoutMs / 1000} s`;
    return hasTcp
      ? new PosternError("endpoint.silent", `${what}: the port is open, but there was no full answer ${limit}.`)
      : new PosternError("tcp.timeout", `${what}: no connection ${limit}.`);
  }

  /**
   * With a statement, not as startup parameters: RDS Proxy and PgBouncer refuse connections that carry those, and some
   * poolers drop them without a word. A SET pins a connection of RDS Proxy, so that what goes through it leaves the
   * timeouts to the role's settings and this sends nothing.
   */
  async #applyTimeouts(): Promise<void> {
    const settings = [
      ["statement_timeout", this.#options.statementTimeoutMs],
      ["lock_timeout", this.#options.lockTimeoutMs],
      ["idle_in_transaction_session_timeout", this.#options.idleInTransactionTimeoutMs],
    ] as const;
    const statements = settings.flatMap(([name, ms]) => (ms === undefined ? [] : [`set ${name} = ${Math.ceil(ms)}`]));
    if (statements.length > 0) await this.query(statements.join("; "));
  }
}

/** The URL's `application_name` goes behind the program's own, by which a lock's holder is found. */
function applicationName(address: DatabaseAddress, options: ClientOptions): string {
  if (address.applicationName === undefined) return options.applicationName;
  return `${options.applicationName} (${address.applicationName})`;
}

/** First bytes of the server's first message: authentication, error, notice, protocol negotiation. */
const firstBytes = "RENv";

/**
 * Puts an open socket where the driver keeps its own. The driver calls `connect` on it and waits for the event; and its
 * parser throws out of the `data` event when the bytes make no sense, which would end the process.
 */
function presentToDriver(client: Client, socket: Socket, address: DatabaseAddress): void {
  let isFirst = true;
  const emitter: EventEmitter = socket;
  const addListener = emitter.on.bind(emitter);
  const guarded = (listener: (chunk: Buffer) => void) => (chunk: Buffer) => {
    try {
      if (isFirst && !firstBytes.includes(String.fromCodePoint(chunk[0] ?? 0))) throw new Error("not a first message");
      isFirst = false;
      listener(chunk);
    } catch {
      socket.destroy(notPostgres(address, isFirst ? chunk.toString("latin1") : ""));
    }
  };
  Object.assign(socket, {
    connect: () => process.nextTick(() => socket.emit("connect")),
    on: (event: string, listener: (chunk: Buffer) => void) =>
      addListener(event, event === "data" ? guarded(listener) : listener),
  });
  Object.assign(client.connection, { stream: socket });
}
