import { type Duplex, duplexPair } from "node:stream";
import { PosternError } from "#lib/base/errors.ts";
import type { Link, LinkVitals, Transport } from "#lib/tunnel/transport.ts";

/** What one `connect` comes to: a link, a failure, or nothing until it is aborted. */
export type FakeOutcome = "up" | "hang" | PosternError;

/** The far end of a stream: the database, or what stands for it. */
export type FarEnd = (signal: AbortSignal) => Promise<Duplex>;

export type FakeTransport = Transport & {
  /** What the next attempts come to, in order; when none is left they succeed. */
  readonly script: FakeOutcome[];
  /** How often `connect` was called. */
  readonly attempts: number;
  /** Every link there was, the newest last. */
  readonly links: readonly FakeLink[];
  /** May be replaced at any time, also by one that throws. */
  farEnd: FarEnd;
};

export const lost = () => new PosternError("ssm.lost", "The fake link was cut.");

/** A transport in memory whose failures the test writes. Its links are real: streams with back-pressure, counted bytes. */
export function createFakeTransport(farEnd: FarEnd): FakeTransport {
  const links: FakeLink[] = [];
  const script: FakeOutcome[] = [];
  let attempts = 0;
  return {
    kind: "direct",
    route: "nowhere:5432 in memory",
    farEnd,
    script,
    links,
    get attempts() {
      return attempts;
    },
    async connect(signal) {
      attempts += 1;
      signal.throwIfAborted();
      const outcome = script.shift() ?? "up";
      if (outcome === "hang") await aborted(signal);
      if (outcome instanceof PosternError) throw outcome;
      const link = new FakeLink(async (stop) => await this.farEnd(stop));
      links.push(link);
      return link;
    },
  };
}

export class FakeLink implements Link {
  /** Streams open, and nothing comes back through them: neither bytes nor an end. */
  isBlackHole = false;
  roundTripMs: number | undefined;
  isResuming = false;
  isBusy = false;
  /** Closing it takes until then. */
  goodbye: Promise<void> | undefined;
  readonly ended: Promise<PosternError | undefined>;
  readonly #farEnd: FarEnd;
  readonly #streams = new Set<Duplex>();
  readonly #settle: (reason: PosternError | undefined) => void;
  #hasEnded = false;
  #bytesUp = 0;
  #bytesDown = 0;

  constructor(farEnd: FarEnd) {
    const { promise, resolve } = Promise.withResolvers<PosternError | undefined>();
    this.ended = promise;
    this.#settle = resolve;
    this.#farEnd = farEnd;
  }

  async openStream(signal: AbortSignal): Promise<Duplex> {
    signal.throwIfAborted();
    if (this.#hasEnded) throw lost();
    const stream = this.isBlackHole ? duplexPair()[0] : await this.#farEnd(signal);
    if (this.#hasEnded) {
      stream.destroy();
      throw lost();
    }
    this.#adopt(stream);
    return stream;
  }

  vitals(): LinkVitals {
    return {
      state: this.#hasEnded ? "ended" : this.isResuming ? "resuming" : "live",
      silentMs: 0,
      isBusy: this.isBusy,
      ...(this.roundTripMs === undefined ? {} : { roundTripMs: this.roundTripMs }),
      openStreams: this.#streams.size,
      bytesUp: this.#bytesUp,
      bytesDown: this.#bytesDown,
    };
  }

  /** As a network that goes away. */
  cut(reason: PosternError = lost()): void {
    this.#end(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.goodbye !== undefined) await this.goodbye;
    this.#end(undefined);
  }

  #end(reason: PosternError | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const stream of this.#streams) stream.destroy(reason);
    this.#streams.clear();
    this.#settle(reason);
  }

  #adopt(stream: Duplex): void {
    this.#streams.add(stream);
    const push = stream.push.bind(stream);
    stream.push = (chunk: Buffer | null, encoding?: BufferEncoding) => {
      this.#bytesDown += chunk?.length ?? 0;
      return push(chunk, encoding);
    };
    const write = stream.write.bind(stream) as (chunk: Buffer, ...rest: unknown[]) => boolean;
    const counted = (chunk: Buffer, ...rest: unknown[]) => {
      this.#bytesUp += chunk.length;
      return write(chunk, ...rest);
    };
    Object.assign(stream, { write: counted });
    stream.on("error", () => {});
    stream.once("close", () => this.#streams.delete(stream));
  }
}

/** Two ends of a pipe in memory. When one is destroyed, the other is, too: as a connection that is gone. */
export function connectedPair(): readonly [Duplex, Duplex] {
  const [near, far] = duplexPair();
  near.once("close", () => far.destroy());
  far.once("close", () => near.destroy());
  return [near, far];
}

async function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return await promise;
}
