import type { Duplex } from "node:stream";
import { type BackendMessage, createBackendDecoder, WireViolation } from "#lib/postgres/wire/backend.ts";
import { readServerReport } from "#lib/postgres/wire/fields.ts";
import { StepFailed } from "./evidence.ts";
import type { Observations } from "./observed-socket.ts";

/**
 * A connection read chunk by chunk or message by message. What prevents the next one is thrown as `StepFailed`, with
 * how the connection ended; the abort of a signal is a time-out.
 */
export class Conversation {
  readonly #stream: Duplex;
  readonly #observations: Observations;
  readonly #decoder = createBackendDecoder({ maxMessageBytes: 1024 * 1024 });
  readonly #messages: BackendMessage[] = [];
  readonly #chunks: Buffer[] = [];
  #wake: (() => void) | undefined;
  #isOver = false;
  isPasswordProven = false;

  /** `observations` are those of the socket below, where the stream is TLS over it. */
  constructor(stream: Duplex, observations: Observations) {
    this.#stream = stream;
    this.#observations = observations;
    const wake = () => this.#wake?.();
    const end = () => {
      this.#isOver = true;
      wake();
    };
    stream.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      wake();
    });
    for (const event of ["end", "close", "error"]) stream.on(event, end);
  }

  /** Stops reading, so that TLS can take over the stream below. */
  release(): void {
    this.#stream.pause();
    this.#stream.removeAllListeners("data");
  }

  send(...messages: readonly Uint8Array[]): void {
    for (const message of messages) this.#stream.write(message);
  }

  /** The next bytes as they come. */
  async chunk(signal: AbortSignal): Promise<Buffer> {
    const bytesBefore = this.#observations.bytesIn;
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return chunk;
      if (this.#isOver) throw this.#ended(this.#observations.bytesIn > bytesBefore);
      if (signal.aborted) throw timedOut(this.#observations.bytesIn > bytesBefore);
      await this.#change(signal);
    }
  }

  /**
   * The next message with one of these letters; those before it are passed over. An error of the server's is thrown as
   * `refused`, and what is no message as `stranger`.
   */
  async message(letters: string, signal: AbortSignal): Promise<BackendMessage> {
    const bytesBefore = this.#observations.bytesIn;
    for (;;) {
      const message = this.#messages.shift();
      if (message === undefined) {
        this.#messages.push(...this.#decode(await this.#chunkOf(bytesBefore, signal)));
        continue;
      }
      if (message.letter === "E") throw this.#refused(message.body);
      if (letters.includes(message.letter)) return message;
    }
  }

  async #chunkOf(bytesBefore: number, signal: AbortSignal): Promise<Buffer> {
    try {
      return await this.chunk(signal);
    } catch (error) {
      const hasBytes = this.#observations.bytesIn > bytesBefore;
      if (error instanceof StepFailed && error.failure.kind === "timeout") throw timedOut(hasBytes);
      if (error instanceof StepFailed && error.failure.kind === "ended") throw this.#ended(hasBytes);
      throw error;
    }
  }

  #decode(chunk: Buffer): BackendMessage[] {
    try {
      return this.#decoder.push(chunk);
    } catch (error) {
      if (!(error instanceof WireViolation)) throw error;
      throw new StepFailed(
        { kind: "stranger", what: error.message },
        `the answer is not PostgreSQL's: ${error.message}`,
      );
    }
  }

  #refused(body: Buffer): StepFailed {
    const report = readServerReport(body);
    const text = `${report.severity} ${report.sqlState}: ${report.message}`;
    return new StepFailed({ kind: "refused", report, isPasswordProven: this.isPasswordProven }, text);
  }

  #ended(hasBytes: boolean): StepFailed {
    const { end = "fin", endedWithAlert } = this.#observations;
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

export function timedOut(hasBytes: boolean): StepFailed {
  const text = hasBytes ? "bytes came, but not all in time" : "no answer in time";
  return new StepFailed({ kind: "timeout", hasBytes }, text);
}
