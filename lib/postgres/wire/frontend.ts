import { requestCodes } from "./opening.ts";

/**
 * What a client of PostgreSQL sends, message by message (protocol 3.0). Each function returns all of one message.
 * Texts must hold no NUL: the server would end the value there and read the rest as something else.
 *
 * | message | layout |
 * |---|---|
 * | SSLRequest, CancelRequest, StartupMessage | int32 length, int32 code or version, body: no letter before them |
 * | all others | letter, int32 length (itself included, the letter not), body |
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

/** 3.0 */
const protocolVersion = 196_608;

export function encodeSslRequest(): Buffer {
  return withoutLetter(requestCodes.ssl, Buffer.alloc(0));
}

/** Goes alone over a connection of its own; nothing answers it. */
export function encodeCancelRequest(key: { readonly processId: number; readonly secretKey: Uint8Array }): Buffer {
  return withoutLetter(requestCodes.cancel, Buffer.concat([int32(key.processId), key.secretKey]));
}

/** `user` must be among the parameters; what else may be: https://www.postgresql.org/docs/current/protocol-flow.html */
export function encodeStartup(parameters: Readonly<Record<string, string>>): Buffer {
  const pairs = Object.entries(parameters).flatMap(([name, value]) => [text(name), text(value)]);
  return withoutLetter(protocolVersion, Buffer.concat([...pairs, Buffer.alloc(1)]));
}

/** A password in clear text, or the answer to an MD5 challenge. */
export function encodePassword(password: string): Buffer {
  return withLetter("p", text(password));
}

export function encodeSaslInitialResponse(mechanism: string, response: Uint8Array): Buffer {
  return withLetter("p", Buffer.concat([text(mechanism), int32(response.length), response]));
}

export function encodeSaslResponse(response: Uint8Array): Buffer {
  return withLetter("p", response);
}

/** The simple query protocol: what comes back is text. */
export function encodeQuery(sql: string): Buffer {
  return withLetter("Q", text(sql));
}

export function encodeTerminate(): Buffer {
  return withLetter("X", Buffer.alloc(0));
}

function withoutLetter(code: number, body: Uint8Array): Buffer {
  return Buffer.concat([int32(8 + body.length), int32(code), body]);
}

function withLetter(letter: string, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(letter, "latin1"), int32(4 + body.length), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  if (value.includes("\0")) throw new TypeError("a text of PostgreSQL's protocol holds a NUL");
  return Buffer.from(`${value}\0`, "utf8");
}
