import { WireViolation } from "./backend.ts";

/**
 * What is in the bodies of a server's messages. A body that does not hold what its letter promises throws
 * `WireViolation`.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

/** Message `R`. */
export type Authentication =
  | { readonly kind: "ok" }
  | { readonly kind: "cleartext" }
  | { readonly kind: "md5"; readonly salt: Buffer }
  | { readonly kind: "sasl"; readonly mechanisms: readonly string[] }
  | { readonly kind: "sasl-continue"; readonly data: Buffer }
  | { readonly kind: "sasl-final"; readonly data: Buffer }
  /** Kerberos, GSSAPI, SSPI, or a newer one. */
  | { readonly kind: "other"; readonly code: number };

export function readAuthentication(body: Buffer): Authentication {
  if (body.length < 4) throw new WireViolation(`an authentication message of ${body.length} bytes`);
  const code = body.readInt32BE(0);
  const data = body.subarray(4);
  switch (code) {
    case 0:
      return { kind: "ok" };
    case 3:
      return { kind: "cleartext" };
    case 5:
      if (data.length !== 4) throw new WireViolation(`an MD5 salt of ${data.length} bytes, expected 4`);
      return { kind: "md5", salt: data };
    case 10:
      // An empty name ends the list.
      return { kind: "sasl", mechanisms: readTexts(data).filter((name) => name !== "") };
    case 11:
      return { kind: "sasl-continue", data };
    case 12:
      return { kind: "sasl-final", data };
    default:
      return { kind: "other", code };
  }
}

/** Messages `E` and `N`. The rest of their fields may quote rows, and is left out. */
export type ServerReport = {
  /** FATAL, ERROR, PANIC …, in English where the server is 9.6 or newer. */
  readonly severity: string;
  /** SQLSTATE; "" where a stranger left it out. */
  readonly sqlState: string;
  readonly message: string;
};

export function readServerReport(body: Buffer): ServerReport {
  const fields = new Map<string, string>();
  let offset = 0;
  for (;;) {
    const letter = body[offset];
    if (letter === undefined) throw new WireViolation("an error message without an end");
    if (letter === 0) break;
    const end = body.indexOf(0, offset + 1);
    if (end === -1) throw new WireViolation("an error message with an open field");
    fields.set(String.fromCodePoint(letter), body.toString("utf8", offset + 1, end));
    offset = end + 1;
  }
  return {
    severity: fields.get("V") ?? fields.get("S") ?? "",
    sqlState: fields.get("C") ?? "",
    message: fields.get("M") ?? "",
  };
}

/**
 * An error as protocol 2 has it: `E`, a text, NUL. A server that cannot begin a process for a connection says so until today,
 * for it has not read what the client speaks. Undefined for whatever else the bytes are.
 *
 * @see https://github.com/postgres/postgres/blob/master/src/backend/postmaster/postmaster.c report_fork_failure_to_client
 */
export function readOldError(bytes: Uint8Array): ServerReport | undefined {
  const text = /^E(?<message>\P{Cc}{8,1000})\n?\0$/u.exec(Buffer.from(bytes).toString("utf8"));
  const message = text?.groups?.["message"];
  return message === undefined ? undefined : { severity: "", sqlState: "", message };
}

/** Message `S`. */
export function readParameterStatus(body: Buffer): { readonly name: string; readonly value: string } {
  const [name, value] = readTexts(body);
  if (name === undefined || value === undefined) throw new WireViolation("a parameter without name or value");
  return { name, value };
}

/** Message `K`. Protocol 3.0 has four bytes of secret key, 3.2 up to 256. */
export function readBackendKey(body: Buffer): { readonly processId: number; readonly secretKey: Buffer } {
  if (body.length < 8) throw new WireViolation(`a backend key of ${body.length} bytes, expected at least 8`);
  return { processId: body.readInt32BE(0), secretKey: body.subarray(4) };
}

/** Message `D`: the columns as they came; null for SQL's null. */
export function readDataRow(body: Buffer): readonly (Buffer | null)[] {
  if (body.length < 2) throw new WireViolation("a row without a number of columns");
  const columns: (Buffer | null)[] = [];
  let offset = 2;
  for (let index = 0; index < body.readUInt16BE(0); index += 1) {
    if (offset + 4 > body.length) throw new WireViolation(`a row that ends before its column ${index + 1}`);
    const length = body.readInt32BE(offset);
    offset += 4;
    if (length < -1 || offset + length > body.length) {
      throw new WireViolation(`a column of length ${length} in a row of ${body.length} bytes`);
    }
    columns.push(length === -1 ? null : body.subarray(offset, offset + length));
    offset += Math.max(length, 0);
  }
  return columns;
}

/** Texts that each end with a NUL. */
function readTexts(bytes: Buffer): string[] {
  const texts: string[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const end = bytes.indexOf(0, offset);
    if (end === -1) throw new WireViolation("a text without an end");
    texts.push(bytes.toString("utf8", offset, end));
    offset = end + 1;
  }
  return texts;
}
