/**
 * What a connection begins with, before it has letters: length (4, counts itself), code (4), rest. What the code says:
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
export const requestCodes = { ssl: 80_877_103, gss: 80_877_104, cancel: 80_877_102 } as const;

/** The first byte of a TLS handshake. */
export const tlsHandshakeByte = 0x16;

export type Opening = "startup" | "encryption-request" | "cancel" | "direct-tls" | "unknown";

/** What a client that connects begins with; undefined while too little has come to tell. */
export function readOpening(bytes: Uint8Array): Opening | undefined {
  if (bytes[0] === tlsHandshakeByte) return "direct-tls";
  if (bytes.length < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const code = view.getUint32(4);
  if (code === requestCodes.ssl || code === requestCodes.gss) return "encryption-request";
  if (code === requestCodes.cancel) return "cancel";
  return isStartupCode(code) ? "startup" : "unknown";
}

/** Version 3 of the protocol; the minor version may be any. */
export function isStartupCode(code: number): boolean {
  return code >>> 16 === 3;
}
