/**
 * The few messages of PostgreSQL's protocol that are read or written outside the driver. Pure.
 *
 * A connection begins with a message without a type: length (4, counts itself), code (4), rest. What the code says:
 *
 * | code      | message        | the server answers |
 * |-----------|----------------|--------------------|
 * | 80877103  | SSLRequest     | one byte, `S` or `N` |
 * | 80877104  | GSSENCRequest  | one byte, `G` or `N` |
 * | 80877102  | CancelRequest  | nothing, and closes |
 * | 3.x       | StartupMessage | a message |
 *
 * A client of PostgreSQL 17 may begin with TLS itself (`sslnegotiation=direct`): byte 0x16.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

const codes = { ssl: 80_877_103, gss: 80_877_104, cancel: 80_877_102 } as const;

/** Length 8, request code 1234,5679. */
export const sslRequest = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

export type Opening = "startup" | "encryption-request" | "cancel" | "direct-tls" | "unknown";

/** What a client that connects begins with; undefined while too little has come to tell. */
export function readOpening(bytes: Uint8Array): Opening | undefined {
  if (bytes[0] === 0x16) return "direct-tls";
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const code = view.getUint32(4);
  if (code === codes.ssl || code === codes.gss) return "encryption-request";
  if (code === codes.cancel) return "cancel";
  return code >>> 16 === 3 ? "startup" : "unknown";
}

export type FatalError = {
  /** Five characters: https://www.postgresql.org/docs/current/errcodes-appendix.html */
  readonly sqlState: string;
  readonly message: string;
  readonly hint?: string | undefined;
};

/**
 * ErrorResponse with severity FATAL, after which a server closes:
 *
 * | off | len | |
 * |-----|-----|-|
 * | 0   | 1   | `E` |
 * | 1   | 4   | length, counts itself |
 * | 5   | …   | fields: letter, text, NUL |
 * | end | 1   | NUL |
 */
export function fatalErrorResponse({ sqlState, message, hint }: FatalError): Buffer {
  const fields = [
    ["S", "FATAL"],
    ["V", "FATAL"],
    ["C", sqlState],
    ["M", message],
    ...(hint === undefined ? [] : [["H", hint]]),
  ];
  const body = `${fields.map(([letter, text = ""]) => `${letter}${text.replaceAll("\0", "")}\0`).join("")}\0`;
  const bytes = Buffer.concat([Buffer.from("E\0\0\0\0"), Buffer.from(body)]);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return bytes;
}
