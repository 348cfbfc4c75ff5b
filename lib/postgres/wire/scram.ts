import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

/**
 * SCRAM-SHA-256 from the client's side, in three steps, so that whoever drives it knows at which of them a server
 * failed (RFC 5802, RFC 7677):
 *
 * 1. `first` names a nonce of ours.
 * 2. `answer` takes the server's salt, iterations and nonce, which must begin with ours, and proves that we know the
 *    password without sending it.
 * 3. `verify` takes the server's signature, which proves that it knows the password, too. A server that merely says
 *    yes does not pass.
 *
 * Channel binding is given up (`n`): who terminates TLS is judged elsewhere. PostgreSQL takes the user's name from the
 * startup message, and ignores the one in here.
 */
export type ScramExchange = {
  readonly first: Buffer;
  /** @throws ScramError `malformed`, `foreign-nonce`, `iterations` */
  readonly answer: (serverFirst: Uint8Array) => Promise<Buffer>;
  /** @throws ScramError `malformed`, `rejected`, `impostor` */
  readonly verify: (serverFinal: Uint8Array) => void;
};

export const scramMechanism = "SCRAM-SHA-256";

/** More would keep this machine busy for a minute at a stranger's word; PostgreSQL's default is 4096. */
const maxIterations = 10_000_000;

export type ScramFailure = "malformed" | "foreign-nonce" | "iterations" | "rejected" | "impostor";

/** No part of the password is in its text. */
export class ScramError extends Error {
  override readonly name = "ScramError";
  readonly failure: ScramFailure;

  constructor(failure: ScramFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export function startScram(password: string, nonce: string = randomBytes(18).toString("base64")): ScramExchange {
  const clientFirstBare = `n=,r=${nonce}`;
  let serverSignature: Buffer | undefined;

  return {
    first: Buffer.from(`n,,${clientFirstBare}`, "utf8"),
    answer: async (serverFirst) => {
      const serverFirstText = Buffer.from(serverFirst).toString("utf8");
      const { serverNonce, salt, iterations } = readServerFirst(serverFirstText);
      if (!serverNonce.startsWith(nonce) || serverNonce.length === nonce.length) {
        throw new ScramError("foreign-nonce", "the server's nonce does not continue ours");
      }
      const salted = await derive(prepare(password), salt, iterations, 32, "sha256");
      const clientKey = hmac(salted, "Client Key");
      const storedKey = createHash("sha256").update(clientKey).digest();
      const clientFinalBare = `c=biws,r=${serverNonce}`;
      const authMessage = `${clientFirstBare},${serverFirstText},${clientFinalBare}`;
      const clientSignature = hmac(storedKey, authMessage);
      serverSignature = hmac(hmac(salted, "Server Key"), authMessage);
      const proof = clientKey.map((byte, index) => byte ^ (clientSignature[index] ?? 0));
      return Buffer.from(`${clientFinalBare},p=${Buffer.from(proof).toString("base64")}`, "utf8");
    },
    verify: (serverFinal) => {
      const attributes = readAttributes(Buffer.from(serverFinal).toString("utf8"));
      const refusal = attributes.get("e");
      if (refusal !== undefined) throw new ScramError("rejected", "the server refused the proof");
      const seen = Buffer.from(attributes.get("v") ?? "", "base64");
      if (serverSignature === undefined || seen.length === 0) {
        throw new ScramError("malformed", "the server's last message holds no signature");
      }
      if (seen.length !== serverSignature.length || !timingSafeEqual(seen, serverSignature)) {
        throw new ScramError("impostor", "the server did not prove that it knows the password");
      }
    },
  };
}

const derive = promisify(pbkdf2);

function readServerFirst(text: string): {
  readonly serverNonce: string;
  readonly salt: Buffer;
  readonly iterations: number;
} {
  const attributes = readAttributes(text);
  const serverNonce = attributes.get("r") ?? "";
  const salt = Buffer.from(attributes.get("s") ?? "", "base64");
  const iterations = attributes.get("i") ?? "";
  if (serverNonce === "" || salt.length === 0 || !/^[1-9]\d{0,9}$/.test(iterations)) {
    throw new ScramError("malformed", "the server's challenge lacks nonce, salt or iterations");
  }
  if (Number(iterations) > maxIterations) {
    throw new ScramError("iterations", `the server wants ${iterations} iterations, expected at most ${maxIterations}`);
  }
  return { serverNonce, salt, iterations: Number(iterations) };
}

/** "r=…,s=…,i=…": a value may hold further equals signs. */
function readAttributes(text: string): ReadonlyMap<string, string> {
  const pairs = text.split(",").map((part) => [part.slice(0, 1), part.slice(2)] as const);
  return new Map(pairs);
}

/**
 * SASLprep as PostgreSQL does it (RFC 4013): spaces of any kind become one kind, what is invisible goes, then NFKC. A
 * text with characters that the profile prohibits is taken as it is, as the server does.
 */
function prepare(password: string): string {
  if (/^[\x20-\x7e]*$/.test(password)) return password;
  const mapped = Array.from(password, (character) => {
    if (mappedToNothing.test(character)) return "";
    return mappedToSpace.test(character) ? " " : character;
  });
  const prepared = mapped.join("").normalize("NFKC");
  return prohibited.test(prepared) ? password : prepared;
}

/** RFC 3454, tables C.1.2 and B.1. */
const mappedToSpace = /^[\u{A0}\u{1680}\u{2000}-\u{200B}\u{202F}\u{205F}\u{3000}]$/u;
const mappedToNothing =
  /^(?:\u{AD}|\u{34F}|\u{1806}|[\u{180B}-\u{180D}]|[\u{200C}\u{200D}]|\u{2060}|[\u{FE00}-\u{FE0F}]|\u{FEFF})$/u;
/** Tables C.2 to C.9, as far as a password may hold such characters: control, private use, not for plain text. */
const prohibited = /\p{Cc}|\p{Co}|\p{Cs}|[\u{FFF9}-\u{FFFD}]/u;

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}
