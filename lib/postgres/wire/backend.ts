/**
 * What a PostgreSQL server sends, as messages: a letter, an int32 length (itself included, the letter not), a body.
 * The one byte that answers an SSLRequest is none of them.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export type BackendMessage = {
  /** One of `backendLetters`. */
  readonly letter: string;
  /** A copy: what was given to `push` may be used again. */
  readonly body: Buffer;
};

/** Every letter that a server of protocol 3 may begin a message with. */
const backendLetters: ReadonlySet<string> = new Set("123ACDEGHIKNRSTVWZcdnstv");

/** What cannot be PostgreSQL: the bytes are a stranger's, so that none of them is in the text. */
export class WireViolation extends Error {
  override readonly name = "WireViolation";
}

export type BackendDecoderOptions = {
  /** A longer message is refused before it is collected. Default 16 MiB. */
  readonly maxMessageBytes?: number;
};

export type BackendDecoder = {
  /**
   * The messages that these bytes complete.
   *
   * @throws WireViolation for a letter that no server sends, and for a length below 4 or above the limit; the stream
   * cannot be read any further then
   */
  readonly push: (bytes: Uint8Array) => BackendMessage[];
  /** Bytes of a message that is not complete yet. */
  readonly pendingBytes: () => number;
};

const headerBytes = 5;
const defaultMaxMessageBytes = 16 * 1024 * 1024;

export function createBackendDecoder(options: BackendDecoderOptions = {}): BackendDecoder {
  const { maxMessageBytes = defaultMaxMessageBytes } = options;
  const header = Buffer.alloc(headerBytes);
  let headerLength = 0;
  let letter = "";
  /** Of the body that is being collected. */
  let parts: Buffer[] = [];
  let bodyLength = 0;
  let missing = 0;

  return {
    pendingBytes: () => headerLength + bodyLength,
    push: (bytes) => {
      const messages: BackendMessage[] = [];
      let offset = 0;
      // Goes on behind the last byte, too, for a message without a body ends with its header.
      while (offset < bytes.length || (headerLength === headerBytes && missing === 0)) {
        if (headerLength < headerBytes) {
          const part = bytes.subarray(offset, offset + headerBytes - headerLength);
          header.set(part, headerLength);
          headerLength += part.length;
          offset += part.length;
          if (headerLength < headerBytes) break;
          letter = readLetter(header);
          missing = readBodyLength(header, letter, maxMessageBytes);
          continue;
        }
        const part = Buffer.from(bytes.subarray(offset, offset + missing));
        parts.push(part);
        bodyLength += part.length;
        missing -= part.length;
        offset += part.length;
        if (missing > 0) break;
        messages.push({ letter, body: Buffer.concat(parts, bodyLength) });
        parts = [];
        bodyLength = 0;
        headerLength = 0;
      }
      return messages;
    },
  };
}

function readLetter(header: Buffer): string {
  const letter = header.toString("latin1", 0, 1);
  if (!backendLetters.has(letter)) throw new WireViolation("the first byte of a message is none that PostgreSQL sends");
  return letter;
}

function readBodyLength(header: Buffer, letter: string, maxMessageBytes: number): number {
  const length = header.readInt32BE(1);
  if (length < 4) throw new WireViolation(`a message ${letter} of length ${length}, expected at least 4`);
  if (length > maxMessageBytes) {
    throw new WireViolation(`a message ${letter} of ${length} bytes, expected at most ${maxMessageBytes}`);
  }
  return length - 4;
}
