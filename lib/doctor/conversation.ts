import type { Duplex } from "node:stream";
import { finished } from "node:stream/promises";
import { type BackendMessage, createBackendDecoder, WireViolation } from "#lib/postgres/wire/backend.ts";
import { readOldError, readServerReport, type ServerReport } from "#lib/postgres/wire/fields.ts";
import { asksForCertificate, isErrorOfCertificate } from "./client-certificate.ts";
import { StepFailed } from "./evidence.ts";
import type { Mark, ObservedSocket } from "./observed-socket.ts";
import { limitTime } from "./time-limit.ts";

/** A server that sends without end is not read further than it is listened to. */
const maxQueuedBytes = 256 * 1024;
/** Of one step: a server has a few parameters, notices and 32 KB to tell. */
const maxStepBytes = 1024 * 1024;

/** What is waited for with one signal, be it in many messages. */
type Waiting = { readonly signal: AbortSignal; readonly start: Mark; messageBytes: number };

/**
 * A connection read chunk by chunk or message by message. What prevents the next one is thrown as `StepFailed`, with
 * how the connection ended; the abort of a signal is a time-out.
 */
export class Conversation {
  readonly #stream: Duplex;
  readonly #socket: ObservedSocket;
  readonly #decoder = createBackendDecoder({ maxMessageBytes: 1024 * 1024 });
  readonly #messages: BackendMessage[] = [];
  readonly #chunks: Buffer[] = [];
  #queuedBytes = 0;
  #wake: (() => void) | undefined;
  #isOver = false;
  #error: Error | undefined;
  #waiting: Waiting | undefined;
  isPasswordProven = false;

  /** `stream` is the socket, or TLS over it. */
  constructor(stream: Duplex, socket: ObservedSocket) {
    this.#stream = stream;
    this.#socket = socket;
    const wake = () => this.#wake?.();
    const end = () => {
      this.#isOver = true;
      wake();
    };
    stream.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#queuedBytes += chunk.length;
      if (this.#queuedBytes > maxQueuedBytes) stream.pause();
      wake();
    });
    for (const event of ["end", "close"]) stream.on(event, end);
    stream.on("error", (error) => {
      this.#error ??= error;
      end();
    });
    // One that was released is paused until somebody says otherwise.
    stream.resume();
  }

  /** Stops reading, so that TLS can take over the stream below. */
  release(): void {
    this.#stream.pause();
    this.#stream.removeAllListeners("data");
  }

  send(...messages: readonly Uint8Array[]): void {
    for (const message of messages) this.#stream.write(message);
  }

  /** Says the last word; resolves when it is written, or after `ms`. */
  async end(message: Uint8Array, ms: number): Promise<void> {
    using limit = limitTime(ms);
    this.#stream.end(message);
    await finished(this.#stream, { readable: false, signal: limit.signal }).catch(() => {});
  }

  /** The next bytes as they come. */
  async chunk(signal: AbortSignal): Promise<Buffer> {
    const { start } = this.#waitingWith(signal);
    for (;;) {
      const chunk = this.#take();
      if (chunk !== undefined) return chunk;
      const lastBytesMs = this.#socket.lastBytesMs(start);
      if (this.#isOver) throw this.#ended(lastBytesMs !== undefined);
      if (signal.aborted) throw timedOut(lastBytesMs);
      await this.#change(signal);
    }
  }

  /** Each step has a signal of its own: a message more is no new beginning, else a server that never ends looks silent. */
  #waitingWith(signal: AbortSignal): Waiting {
    if (this.#waiting?.signal !== signal) {
      this.#waiting = { signal, start: this.#socket.mark(), messageBytes: 0 };
    }
    return this.#waiting;
  }

  #take(): Buffer | undefined {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    this.#queuedBytes -= chunk.length;
    if (this.#queuedBytes <= maxQueuedBytes) this.#stream.resume();
    return chunk;
  }

  /**
   * The next message with one of these letters; those before it are passed over. An error of the server's is thrown as
   * `refused`, and what is no message as `stranger`.
   */
  async message(letters: string, signal: AbortSignal): Promise<BackendMessage> {
    const waiting = this.#waitingWith(signal);
    for (;;) {
      const message = this.#messages.shift();
      if (message === undefined) {
        this.#messages.push(...this.#decode(await this.chunk(signal)));
        continue;
      }
      if (message.letter === "E") throw this.#refused(readServerReport(message.body));
      waiting.messageBytes += message.body.length + 5;
      if (waiting.messageBytes > maxStepBytes) throw endless(letters);
      if (letters.includes(message.letter)) return message;
    }
  }

  #decode(chunk: Buffer): BackendMessage[] {
    try {
      return this.#decoder.push(chunk);
    } catch (error) {
      if (!(error instanceof WireViolation)) throw error;
      const report = readOldError(chunk);
      if (report !== undefined) throw this.#refused(report);
      throw new StepFailed(
        { kind: "stranger", what: error.message },
        `the answer is not PostgreSQL's: ${error.message}`,
      );
    }
  }

  #refused(report: ServerReport): StepFailed {
    const evidence = { kind: "refused", report, isPasswordProven: this.isPasswordProven } as const;
    return new StepFailed(evidence, describeReport(report));
  }

  #ended(hasBytes: boolean): StepFailed {
    // In TLS 1.3 a server says what it thinks of our certificate behind the handshake.
    if (isErrorOfCertificate(this.#error)) return asksForCertificate();
    const { end = "fin", endedWithAlert } = this.#socket.observations;
    const text = end === "reset" ? "the connection was reset" : "the connection was closed";
    return new StepFailed({ kind: "ended", how: end, hasBytes, notified: endedWithAlert }, text);
  }

  /** Until something happens, or the signal is aborted. */
  async #change(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const abort = () => resolve();
    signal.addEventListener("abort", abort, { once: true });
    await promise;
    signal.removeEventListener("abort", abort);
    this.#wake = undefined;
  }
}

/** Each field may be missing: what speaks so is no server of PostgreSQL's own. */
export function describeReport({ severity, sqlState, message }: ServerReport): string {
  const head = [severity, sqlState].filter((part) => part !== "").join(" ");
  const parts = [head, message].filter((part) => part !== "");
  return parts.length === 0 ? "an error without severity, SQLSTATE or message" : parts.join(": ");
}

function endless(letters: string): StepFailed {
  const what = `${maxStepBytes / 1024} KB of messages came without an end (awaited: ${letters})`;
  return new StepFailed({ kind: "stranger", what }, `the answer is not PostgreSQL's: ${what}`);
}

/** `lastBytesMs`: after the step began; undefined where none came. */
export function timedOut(lastBytesMs: number | undefined): StepFailed {
  return lastBytesMs === undefined
    ? new StepFailed({ kind: "timeout" }, "no answer in time")
    : new StepFailed({ kind: "timeout", lastBytesMs }, `not all in time; the last bytes came after ${lastBytesMs} ms`);
}
