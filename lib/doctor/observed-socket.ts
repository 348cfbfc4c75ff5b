import { Duplex } from "node:stream";

/**
 * A connection whose end is remembered: how and when, and what came before. `pg` and libpq throw that away, and it is
 * what tells one cause from another.
 */
export type Observations = {
  bytesIn: number;
  bytesOut: number;
  /** Monotonic, of the last bytes that came; undefined before the first. */
  lastInMs: number | undefined;
  /** The alert in clear text that came in place of a handshake record. */
  alert: number | undefined;
  /** The last record that came was an alert by its kind or size: TLS said that it would close. */
  endedWithAlert: boolean;
  /** We sent a certificate, be it an empty one, in clear text (TLS 1.2): the server had asked for it. */
  hasSentCertificate: boolean;
  /** How the other side ended it. */
  end: "fin" | "reset" | undefined;
};

export type Mark = { readonly bytesIn: number; readonly atMs: number };

/**
 * Passes everything on, and looks at it. TLS may run over it, and stays end to end.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8446#section-5.1 record layout, section 6 alerts
 */
export class ObservedSocket extends Duplex {
  readonly observations: Observations = {
    bytesIn: 0,
    bytesOut: 0,
    lastInMs: undefined,
    alert: undefined,
    endedWithAlert: false,
    hasSentCertificate: false,
    end: undefined,
  };
  readonly #inner: Duplex;
  readonly #nowMs: () => number;

  constructor(inner: Duplex, nowMs: () => number) {
    super({ allowHalfOpen: false });
    this.#inner = inner;
    this.#nowMs = nowMs;
    inner.on("data", (chunk: Buffer) => {
      this.#see(chunk);
      if (!this.push(chunk)) inner.pause();
    });
    inner.on("end", () => {
      this.observations.end ??= "fin";
      this.push(null);
    });
    inner.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNRESET" || error.code === "EPIPE") this.observations.end ??= "reset";
      this.destroy(error);
    });
    inner.on("close", () => {
      // A stream that was destroyed by its other side without an error: a transport's way to say that it is over.
      this.observations.end ??= "fin";
      this.destroy();
    });
  }

  /** A point to look back to. */
  mark(): Mark {
    return { bytesIn: this.observations.bytesIn, atMs: this.#nowMs() };
  }

  /** How long after the mark the last bytes came; undefined where none did. */
  lastBytesMs({ bytesIn, atMs }: Mark): number | undefined {
    const { lastInMs, bytesIn: now } = this.observations;
    return lastInMs === undefined || now === bytesIn ? undefined : Math.round(lastInMs - atMs);
  }

  #see(chunk: Buffer): void {
    const { observations } = this;
    observations.bytesIn += chunk.length;
    observations.lastInMs = this.#nowMs();
    const record = lastRecord(chunk);
    observations.endedWithAlert = record !== undefined && record.isAlert;
    if (record?.alert !== undefined) observations.alert ??= record.alert;
  }

  override _read(): void {
    this.#inner.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.observations.bytesOut += chunk.length;
    if (chunk[0] === handshakeType && chunk[5] === certificateMessage) this.observations.hasSentCertificate = true;
    this.#inner.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#inner.end(() => {
      done();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#inner.destroy();
    done(error);
  }
}

const alertType = 21;
const handshakeType = 22;
/** Of handshakes: https://www.rfc-editor.org/rfc/rfc5246#section-7.4 */
const certificateMessage = 11;
const applicationDataType = 23;
/** An encrypted alert of TLS 1.3: two bytes, the kind, and an authentication tag of 16. */
const encryptedAlertLength = 19;

/** Of a chunk that holds whole records; undefined where it holds something else, or the beginning of one only. */
function lastRecord(chunk: Buffer): { readonly isAlert: boolean; readonly alert?: number } | undefined {
  let offset = 0;
  let last: { isAlert: boolean; alert?: number } | undefined;
  while (offset + 5 <= chunk.length) {
    const type = chunk.readUInt8(offset);
    const length = chunk.readUInt16BE(offset + 3);
    if (type < 20 || type > 23 || chunk.readUInt8(offset + 1) !== 3) return undefined;
    const isPlainAlert = type === alertType && length === 2 && offset + 7 <= chunk.length;
    last = isPlainAlert
      ? { isAlert: true, alert: chunk.readUInt8(offset + 6) }
      : { isAlert: type === alertType || (type === applicationDataType && length === encryptedAlertLength) };
    offset += 5 + length;
  }
  return last;
}
