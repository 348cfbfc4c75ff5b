import type { Duplex } from "node:stream";
import ssh2, { type Client } from "ssh2";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
import { ChannelStream } from "./channel-stream.ts";
import type { SshHost } from "./client-config.ts";
import { lost, plainText, type SshPhase, toLoginError, toOpenError, toSshError } from "./failures.ts";
import type { HostKeyCheck } from "./host-key-check.ts";
import type { Identities } from "./identities.ts";

export type SshConnectionOptions = {
  readonly host: SshHost;
  /** Open already; the connection owns it from now on. */
  readonly socket: Duplex;
  readonly hostKey: HostKeyCheck;
  readonly identities: Identities;
  readonly keepAliveIntervalMs: number;
  readonly keepAliveMisses: number;
  readonly clock: Clock;
  readonly log: Log | undefined;
};

/** What streams are for: the database, or the next server on the way. */
export type StreamTarget = { readonly host: string; readonly port: number; readonly purpose: string };

/** How long the other side may take to close after it was told goodbye. */
const closeGraceMs = 1000;

/**
 * One login at one SSH server, over a socket that is open.
 *
 * Phases: `handshake` (greeting, keys; the host's is verified) → `login` → `live` → ended.
 * From each it can end: by an error of ssh2's, a message of the server's, the socket, silence, or because it was closed.
 * The first reason stays; with it the socket is destroyed, and so are the streams.
 */
export class SshConnection implements AsyncDisposable {
  /** "ec2-user@bastion.example.com:22". */
  readonly server: string;
  /** The reason, or undefined after `close`. Never rejects. */
  readonly ended: Promise<PosternError | undefined>;
  readonly #options: SshConnectionOptions;
  readonly #client: Client = new ssh2.Client();
  readonly #streams = new Set<ChannelStream>();
  readonly #stop = new AbortController();
  readonly #end: (reason: PosternError | undefined) => void;
  readonly #socketClosed: Promise<void>;
  #phase: SshPhase = "handshake";
  #isEnded = false;
  /** Goodbye was said: what comes to pass now is no failure. */
  #isClosing = false;
  #reason: PosternError | undefined;
  #heardMs: number;
  #bytesUp = 0;
  #bytesDown = 0;

  private constructor(options: SshConnectionOptions) {
    const { host, socket, clock } = options;
    this.#options = options;
    this.server = `${host.user}@${host.hostName}:${host.port}`;
    this.#heardMs = clock.nowMs();
    const ended = Promise.withResolvers<PosternError | undefined>();
    this.ended = ended.promise;
    this.#end = ended.resolve;
    const closed = Promise.withResolvers<void>();
    this.#socketClosed = closed.promise;
    socket.once("close", closed.resolve);
    // Each stream that waits for the socket listens to it.
    socket.setMaxListeners(0);
  }

  /**
   * Agrees on keys, verifies the server's, logs in. Whatever fails, the socket is destroyed; on abort it rejects with the
   * signal's reason.
   *
   * @throws PosternError ssh.*, endpoint.closed, config.invalid
   */
  static async open(options: SshConnectionOptions, signal: AbortSignal): Promise<SshConnection> {
    const connection = new SshConnection(options);
    const abort = () => connection.#finish(undefined);
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      await connection.#logIn();
      signal.throwIfAborted();
      await options.hostKey.keep();
      void connection.#watchSilence();
      return connection;
    } catch (error) {
      connection.#finish(undefined);
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  get bytesUp(): number {
    return this.#bytesUp;
  }

  get bytesDown(): number {
    return this.#bytesDown;
  }

  get silentMs(): number {
    return Math.round(this.#options.clock.nowMs() - this.#heardMs);
  }

  /** The server answers only once it has reached the target. On abort it rejects with the signal's reason. */
  async openStream({ host, port, purpose }: StreamTarget, signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    if (this.#isEnded || this.#isClosing) throw this.#reason ?? lost("live", this.server);
    const { promise, resolve, reject } = Promise.withResolvers<ChannelStream>();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    let isWaiting = true;
    try {
      this.#client.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
        if (error !== undefined) {
          const about = { server: this.server, target: `${host}:${port}`, purpose };
          reject(this.#reason ?? toOpenError(error, about));
          return;
        }
        const stream = this.#track(
          new ChannelStream({
            channel,
            whenWritable: (go) => this.#whenWritable(go),
            canSend: () => !this.#isEnded,
            onBytes: (direction, count) => this.#count(direction, count),
          }),
        );
        // Nobody waits for it any more.
        if (!isWaiting) stream.destroy();
        resolve(stream);
      });
      return await promise;
    } catch (error) {
      signal.throwIfAborted();
      // ssh2 throws "Not connected" where the socket is gone already.
      throw error instanceof PosternError ? error : (this.#reason ?? lost("live", this.server, error));
    } finally {
      isWaiting = false;
      signal.removeEventListener("abort", abort);
    }
  }

  /** Says goodbye, and is done when the socket is closed. */
  async close(): Promise<void> {
    if (!this.#isEnded) {
      this.#isClosing = true;
      for (const stream of this.#streams) stream.destroy();
      this.#client.end();
      const timer = new AbortController();
      const late = this.#options.clock.sleep(closeGraceMs, timer.signal).catch(() => {});
      await Promise.race([this.#socketClosed, late]);
      timer.abort();
      this.#finish(undefined);
    }
    await this.#socketClosed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #logIn(): Promise<void> {
    const { host, socket, hostKey, identities, keepAliveIntervalMs, log } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const methods = [...identities.methods];
    let accepted: readonly string[] = [];
    let isPartial = false;
    const client = this.#client;
    client.on("error", (error: Error & { level?: string }) => {
      // The agent refused to sign, or went away: ssh2 goes on with what else there is.
      if (error.level === "agent") return log?.warn("the SSH agent failed", { reason: plainText(error) });
      const offered = identities.descriptions;
      const { user } = host;
      const { problems } = identities;
      const reason =
        error.level === "client-authentication"
          ? toLoginError({ server: this.server, user, offered, accepted, isPartial, problems })
          : (hostKey.refusal() ?? toSshError(error, { phase: this.#phase, server: this.server }));
      this.#finish(reason);
    });
    client.once("handshake", () => (this.#phase = "login"));
    client.once("ready", () => {
      this.#phase = "live";
      resolve();
    });
    client.on("end", () => socket.destroy());
    client.on("close", () => this.#finish(lost(this.#phase, this.server)));
    void this.ended.then((reason) => reject(reason ?? lost(this.#phase, this.server)));
    client.connect({
      sock: socket,
      username: host.user,
      readyTimeout: 0,
      // ssh2 asks; who judges is `#watchSilence`, for which everything that comes is a sign of life.
      keepaliveInterval: keepAliveIntervalMs,
      keepaliveCountMax: Number.MAX_SAFE_INTEGER,
      algorithms: { serverHostKey: [...hostKey.algorithms] },
      hostVerifier: (key: Buffer) => hostKey.verify(key),
      authHandler: (left: readonly string[] | null, partial: boolean | null, next) => {
        if (left !== null) accepted = left;
        isPartial ||= partial === true;
        const isKeyTaken = left === null || left.includes("publickey");
        next((isKeyTaken ? methods.shift() : undefined) ?? (false as never));
      },
    });
    socket.on("data", () => (this.#heardMs = this.#options.clock.nowMs()));
    await promise;
  }

  /**
   * Ends a connection whose other side says nothing any more. A network that is gone tells nobody: without this the socket
   * stays for a quarter of an hour.
   */
  async #watchSilence(): Promise<void> {
    const { clock, keepAliveIntervalMs, keepAliveMisses } = this.#options;
    const limitMs = keepAliveIntervalMs * (keepAliveMisses + 1);
    try {
      while (!this.#isEnded) {
        await clock.sleep(keepAliveIntervalMs, this.#stop.signal);
        if (this.silentMs < limitMs) continue;
        const seconds = (this.silentMs / 1000).toFixed(1);
        this.#finish(new PosternError("ssh.lost", `${this.server} has not answered for ${seconds} s.`));
      }
    } catch {
      // Stopped: the connection has ended.
    }
  }

  #track(stream: ChannelStream): ChannelStream {
    this.#streams.add(stream);
    // An error that comes before anybody listens must not end the process; whoever reads or writes is told all the same.
    stream.on("error", () => {});
    stream.once("close", () => this.#streams.delete(stream));
    if (this.#isEnded) stream.destroy(this.#reason);
    return stream;
  }

  #count(direction: "up" | "down", count: number): void {
    if (direction === "up") this.#bytesUp += count;
    else this.#bytesDown += count;
  }

  #whenWritable(go: () => void): void {
    const { socket } = this.#options;
    if (socket.writableNeedDrain) socket.once("drain", go);
    else go();
  }

  #finish(reason: PosternError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#reason = this.#isClosing ? undefined : reason;
    this.#stop.abort();
    this.#options.socket.destroy();
    for (const stream of this.#streams) stream.destroy(this.#reason);
    this.#end(this.#reason);
  }
}
