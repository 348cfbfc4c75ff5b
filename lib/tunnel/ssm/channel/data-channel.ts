import { randomUUID } from "node:crypto";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError, toPosternError } from "#lib/base/errors.ts";
import type { Log } from "#lib/base/log.ts";
import { type Message, payloadTypes } from "#lib/ssm-protocol/message.ts";
import {
  decodeFlag,
  decodeHandshakeComplete,
  decodeHandshakeRequest,
  encodeFlag,
  encodeJson,
  flags,
} from "#lib/ssm-protocol/payloads.ts";
import { featuresOfAgent, type SessionFeatures } from "#lib/ssm-protocol/versions.ts";
import { Interruptible } from "../../interruptible.ts";
import { createAlarm } from "./alarm.ts";
import type { ChannelSocket, SocketEnd } from "./channel-socket.ts";
import { channelDefaults as defaults, type DataChannelOptions } from "./channel-options.ts";
import { createDelivery, type Delivery } from "./delivery.ts";
import { createFrameReader, type FrameReader } from "./frame-reader.ts";
import { answerHandshake } from "./handshake.ts";
import { createReliableStream, type ReliableStream } from "./reliable-stream.ts";
import { resumeSession } from "./resume.ts";
import { dialSession } from "./session-socket.ts";
import { terminateSession } from "./terminate.ts";

/** Who uses the bytes of the session. */
export type ChannelConsumer = {
  /** A promise: no more bytes until it resolves. Bytes are not changed afterwards. */
  readonly onBytes: (bytes: Uint8Array) => Promise<void> | undefined;
  /** One of `flags`, or one of a newer agent. */
  readonly onFlag: (flag: number) => void;
};

/** Called once, when the handshake is done and before anything else comes. */
export type MakeConsumer = (channel: DataChannel, features: SessionFeatures) => ChannelConsumer;

export type ChannelState = "opening" | "live" | "resuming" | "ended";

/** As much waits in the socket; what is more stays in the window, where it need not be sent again at once. */
const maxSocketBytes = 256 * 1024;
/** TerminateSession has longer. */
const flagAnsweredWithinMs = 500;

/**
 * The client's end of one session. States and moves:
 *
 * - `opening`: dials, says who it is, answers the agent's handshake. Done → `live`. Socket lost, 15 s over, a kind of
 *   session that this client does not know, abort → `ended`, and `open` rejects.
 * - `live`: bytes flow. Socket lost or silent → `resuming`. `channel_closed` → `ended`.
 * - `resuming`: asks for a new token and dials, until it works → `live`, and all that was not acknowledged goes again. The
 *   session gone, or a reason that does not pass by waiting → `ended`.
 * - `ended`: for good. Whatever ended it, the session is terminated on AWS's side, too, unless it was over already.
 *
 * While the consumer asks to wait, nothing is read from the socket: acknowledgements, pongs and the socket's end are not seen
 * either. So nothing is sent again meanwhile, and the silence is not held against the other side.
 */
export class DataChannel implements AsyncDisposable {
  readonly #options: DataChannelOptions;
  readonly #makeConsumer: MakeConsumer;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #clientId = randomUUID();
  readonly #stream: ReliableStream;
  readonly #alarm: ReturnType<typeof createAlarm>;
  readonly #ending = new AbortController();
  readonly #pauses = new Interruptible();
  readonly #ended = Promise.withResolvers<PosternError | undefined>();
  readonly #handshake = Promise.withResolvers<void>();
  readonly #delivery: Delivery<Message>;
  readonly #read: FrameReader;
  #state: ChannelState = "opening";
  #socket: ChannelSocket | undefined;
  #consumer: ChannelConsumer | undefined;
  #features: SessionFeatures | undefined;
  #heardAtMs: number;
  #resumeAttempt = 0;
  #hasPonged = false;
  #isPumpDue = false;
  #isDisposed = false;
  #terminated: Promise<void> | undefined;

  private constructor(options: DataChannelOptions, makeConsumer: MakeConsumer) {
    this.#options = options;
    this.#makeConsumer = makeConsumer;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#stream = createReliableStream(options);
    this.#alarm = createAlarm(options.clock, () => this.#pump());
    this.#delivery = createDelivery({
      take: (message) => this.#handle(message),
      onWaiting: (isWaiting) => this.#setReading(!isWaiting),
      onError: (error) => this.#end(toPosternError(error)),
    });
    this.#read = createFrameReader({
      sessionId: options.session.id,
      log: options.log,
      onMessage: (message) => this.#delivery.add(this.#stream.receive(message)),
      onEnd: (reason, facts) => this.#end(reason, facts),
    });
    this.#heardAtMs = options.clock.nowMs();
    this.#handshake.promise.catch(() => undefined);
  }

  /**
   * Resolves when the handshake is done; bytes that come go to the consumer that is made then. On abort it rejects with the
   * signal's reason. Whatever fails, the session is terminated.
   *
   * @throws PosternError whose code is a `TransportReason`
   */
  static async open(
    options: DataChannelOptions,
    makeConsumer: MakeConsumer,
    signal: AbortSignal,
  ): Promise<DataChannel> {
    const channel = new DataChannel(options, makeConsumer);
    const abort = () => channel.#end(new PosternError("aborted", "Stopped before the session was open."));
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      channel.#attach(await channel.#dial(options.session.token, channel.#ending.signal));
      void channel.#limitHandshake();
      await channel.#handshake.promise;
      return channel;
    } catch (error) {
      channel.#end(toPosternError(error));
      await channel[Symbol.asyncDispose]();
      signal.throwIfAborted();
      throw await channel.ended;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Resolves when the session is of no more use, with the reason; `undefined` after it was disposed. Never rejects. */
  get ended(): Promise<PosternError | undefined> {
    return this.#ended.promise;
  }

  get state(): ChannelState {
    return this.#state;
  }

  get silentMs(): number {
    return this.#clock.nowMs() - this.#heardAtMs;
  }

  get roundTripMs(): number | undefined {
    return this.#stream.roundTripMs();
  }

  /** How long the oldest message has gone without an acknowledgement. */
  get stuckMs(): number {
    return this.#stream.stuckMs();
  }

  /** Resolves when the bytes are on their way, which may be after a resume; rejects with the reason when the channel ended. */
  async write(bytes: Uint8Array): Promise<void> {
    const taken = this.#stream.write(bytes);
    this.#pauses.nudge();
    this.#pump();
    await taken;
  }

  /** Ahead of bytes that wait to be sent. Resolves when the agent has acted on it; not when the channel ends before. */
  async sendFlag(flag: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stream.sendControl(payloadTypes.flag, encodeFlag(flag), resolve);
    this.#pump();
    await promise;
  }

  /** The session cannot be used any further. */
  fail(reason: PosternError): void {
    this.#end(reason);
  }

  /** Tells the agent and AWS that the session is over, within 2 s; done when both know or the time is up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    if (this.#state === "live") {
      this.#terminated ??= this.#terminate();
      const answered = this.sendFlag(flags.terminateSession);
      await Promise.race([
        answered,
        this.#ended.promise,
        this.#clock.sleep(flagAnsweredWithinMs, this.#ending.signal).catch(() => undefined),
      ]);
    }
    this.#end(undefined);
    await this.#terminated;
  }

  async #dial(token: string, signal: AbortSignal): Promise<ChannelSocket> {
    let isCurrent = true;
    const heard = () => {
      this.#heardAtMs = this.#clock.nowMs();
    };
    const handlers = {
      clientId: this.#clientId,
      heardAtMs: () => this.#heardAtMs,
      isReading: () => !this.#delivery.isWaiting(),
      hasPonged: () => this.#hasPonged,
      onPong: () => {
        this.#hasPonged = true;
        heard();
      },
      onFrame: (frame: Uint8Array) => {
        heard();
        if (isCurrent) this.#receive(frame);
      },
      onClosed: (end: SocketEnd) => {
        isCurrent = false;
        this.#lose(end);
      },
    };
    return dialSession({ ...this.#options, ...handlers }, token, signal);
  }

  #attach(socket: ChannelSocket): void {
    if (this.#state === "ended") return socket.drop();
    this.#socket = socket;
    if (this.#delivery.isWaiting()) socket.pause();
    this.#pump();
  }

  async #limitHandshake(): Promise<void> {
    const { handshakeTimeoutMs = defaults.handshakeTimeoutMs, session } = this.#options;
    const isOver = await this.#clock.sleep(handshakeTimeoutMs, this.#ending.signal).then(
      () => true,
      () => false,
    );
    if (!isOver || this.#state !== "opening") return;
    const text = `The agent did not begin the session ${session.id} within ${handshakeTimeoutMs / 1000} s.`;
    this.#end(new PosternError("ssm.handshake", text));
  }

  #lose({ why, isFatal }: SocketEnd): void {
    if (this.#state === "ended") return;
    this.#socket = undefined;
    if (isFatal) {
      this.#end(new PosternError("ssm.protocol", `The session's channel brought something unreadable: ${why}.`));
    } else if (this.#state === "opening") {
      this.#end(new PosternError("ssm.lost", `Session Manager's socket was lost before the session began: ${why}.`));
    } else {
      this.#log.info("the session's socket was lost", { session: this.#options.session.id, why });
      void this.#resume();
    }
  }

  async #resume(): Promise<void> {
    this.#state = "resuming";
    const { session, api } = this.#options;
    try {
      const steps = {
        fetchToken: async (aborted: AbortSignal) => api.resume(session.id, aborted),
        dial: async (token: string, aborted: AbortSignal) => this.#dial(token, aborted),
      };
      const socket = await resumeSession(steps, {
        ...this.#options,
        sessionId: session.id,
        attempt: this.#resumeAttempt,
        isAwaited: () => !this.#stream.isIdle(),
        pauses: this.#pauses,
        signal: this.#ending.signal,
      });
      // Until it brings a frame, another try waits longer than this one.
      this.#resumeAttempt += 1;
      this.#state = "live";
      this.#stream.startOver();
      this.#attach(socket);
    } catch (error) {
      // Also where AWS knows the session no more: the agent may.
      this.#end(toPosternError(error));
    }
  }

  #receive(frame: Uint8Array): void {
    if (this.#state === "ended") return;
    this.#resumeAttempt = 0;
    this.#read(frame);
    this.#pumpSoon();
  }

  #handle({ payloadType, payload }: Message): Promise<void> | undefined {
    switch (payloadType) {
      case payloadTypes.handshakeRequest: {
        const request = decodeHandshakeRequest(payload);
        const { response, problem } = answerHandshake(request);
        this.#features = featuresOfAgent(request.AgentVersion);
        this.#stream.sendControl(payloadTypes.handshakeResponse, encodeJson(response));
        if (problem !== undefined) throw new PosternError("ssm.handshake", `This is no tunnel's session: ${problem}.`);
        return undefined;
      }
      case payloadTypes.handshakeComplete:
        decodeHandshakeComplete(payload);
        if (this.#features === undefined || this.#state !== "opening") return undefined;
        this.#state = "live";
        this.#consumer = this.#makeConsumer(this, this.#features);
        this.#handshake.resolve();
        return undefined;
      case payloadTypes.data:
        return this.#consumer?.onBytes(payload);
      case payloadTypes.flag:
        this.#consumer?.onFlag(decodeFlag(payload));
        return undefined;
      default:
        this.#log.info("the session brought a payload that is not used here", { payloadType });
        return undefined;
    }
  }

  #setReading(isReading: boolean): void {
    this.#stream.setReading(isReading);
    if (isReading) this.#socket?.unpause();
    else this.#socket?.pause();
    this.#pumpSoon();
  }

  /** Many frames come at once; what they cause goes out together. */
  #pumpSoon(): void {
    if (this.#isPumpDue) return;
    this.#isPumpDue = true;
    queueMicrotask(() => {
      this.#isPumpDue = false;
      this.#pump();
    });
  }

  /** Sends what is to be sent now, as much as the socket takes, and has itself called again for the rest. */
  #pump(): void {
    const socket = this.#socket;
    if (socket === undefined || this.#state === "ended") return;
    socket.batch(() => {
      while (socket.bufferedBytes() < maxSocketBytes) {
        const frame = this.#stream.next();
        if (frame === undefined) break;
        socket.send(frame, socket.bufferedBytes() + frame.length < maxSocketBytes ? undefined : () => this.#pump());
      }
    });
    const { giveUpMs = defaults.giveUpMs, session } = this.#options;
    if (this.#stream.stuckMs() > giveUpMs) {
      const text = `The agent has not acknowledged anything of the session ${session.id} for ${giveUpMs / 1000} s.`;
      return this.#end(new PosternError("ssm.lost", text));
    }
    if (socket.bufferedBytes() < maxSocketBytes) this.#alarm.ringBy(this.#stream.nextAtMs());
  }

  #end(cause: PosternError | undefined, { isOver = false } = {}): void {
    if (this.#state === "ended") return;
    // What comes of its own doing is no reason.
    const reason = this.#isDisposed ? undefined : cause;
    this.#state = "ended";
    this.#ending.abort(reason);
    this.#alarm[Symbol.dispose]();
    this.#delivery.stop();
    this.#stream.fail(reason ?? new PosternError("ssm.lost", "The session was closed."));
    this.#handshake.reject(reason);
    this.#terminated ??= isOver ? Promise.resolve() : this.#terminate();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    // Drops it should the other side not answer the closing.
    void this.#terminated.then(() => socket?.drop());
    this.#ended.resolve(reason);
  }

  async #terminate(): Promise<void> {
    await terminateSession({ ...this.#options, sessionId: this.#options.session.id });
  }
}
