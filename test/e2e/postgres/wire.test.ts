import type { Socket } from "node:net";
import { expect, test } from "vitest";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { connect } from "#lib/postgres/connect.ts";
import { quoteIdentifier, quoteLiteral } from "#lib/postgres/quote.ts";
import { openTcp, startTls } from "#lib/postgres/socket.ts";
import { type BackendMessage, createBackendDecoder } from "#lib/postgres/wire/backend.ts";
import { readAuthentication, readBackendKey, readDataRow, readServerReport } from "#lib/postgres/wire/fields.ts";
import {
  encodeCancelRequest,
  encodeQuery,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  encodeStartup,
  encodeTerminate,
} from "#lib/postgres/wire/frontend.ts";
import { scramMechanism, startScram } from "#lib/postgres/wire/scram.ts";
import { createTestDatabase } from "../../support/postgres.ts";

/** The messages of a real server over a real connection with verified TLS. */
class Session implements Disposable {
  readonly #socket: Socket;
  readonly #messages: AsyncGenerator<BackendMessage, void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#messages = messagesOf(socket);
  }

  static async open(address: DatabaseAddress, signal: AbortSignal): Promise<Session> {
    return new Session(await startTls(await openTcp(address, signal), address, signal));
  }

  send(...messages: readonly Buffer[]): void {
    for (const message of messages) this.#socket.write(message);
  }

  /** The next message with one of these letters; those before it are passed over. An error throws, unless asked for. */
  async next(letters: string): Promise<BackendMessage> {
    for (;;) {
      const { value } = await this.#messages.next();
      if (value === undefined) throw new Error(`the server closed before a message ${letters}`);
      if (letters.includes(value.letter)) return value;
      if (value.letter === "E") throw new Error(readServerReport(value.body).message);
    }
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

async function* messagesOf(socket: Socket): AsyncGenerator<BackendMessage, void> {
  const decoder = createBackendDecoder();
  for await (const chunk of socket) yield* decoder.push(chunk as Buffer);
}

/** Returns the key that cancels, or the error with which the server ends the exchange. */
async function logIn(session: Session, { user, password = "", database }: DatabaseAddress) {
  const scram = startScram(password);
  session.send(encodeStartup({ user, database, client_encoding: "UTF8" }));
  const offered = readAuthentication((await session.next("R")).body);
  expect(offered).toMatchObject({ kind: "sasl", mechanisms: expect.arrayContaining([scramMechanism]) as string[] });
  session.send(encodeSaslInitialResponse(scramMechanism, scram.first));
  const challenge = readAuthentication((await session.next("R")).body);
  if (challenge.kind !== "sasl-continue") throw new Error(challenge.kind);
  session.send(encodeSaslResponse(await scram.answer(challenge.data)));
  const final = await session.next("RE");
  if (final.letter === "E") return readServerReport(final.body);
  const proof = readAuthentication(final.body);
  if (proof.kind !== "sasl-final") throw new Error(proof.kind);
  scram.verify(proof.data);
  expect(readAuthentication((await session.next("R")).body)).toEqual({ kind: "ok" });
  const key = readBackendKey((await session.next("K")).body);
  await session.next("Z");
  return key;
}

async function createLogin(address: DatabaseAddress, user: string, password: string): Promise<DatabaseAddress> {
  await using connection = await connect(address, { applicationName: "test" });
  await connection.client.query(`create role ${quoteIdentifier(user)} login password ${quoteLiteral(password)}`);
  return { ...address, user, password };
}

test("logs in, asks, is cancelled from elsewhere, and leaves", async ({ signal }) => {
  await using database = await createTestDatabase();
  using session = await Session.open(database.address, signal);
  const key = await logIn(session, database.address);
  if (!("secretKey" in key)) throw new Error(key.message);

  session.send(encodeQuery("select 'é', null, repeat('x', 40000)"));
  const [text, nothing, long] = readDataRow((await session.next("D")).body);
  expect(text?.toString()).toBe("é");
  expect(nothing).toBeNull();
  expect(long).toHaveLength(40_000);
  await session.next("Z");

  session.send(encodeQuery("select pg_sleep(60)"));
  using canceller = await Session.open(database.address, signal);
  canceller.send(encodeCancelRequest(key));
  expect(readServerReport((await session.next("E")).body)).toMatchObject({ severity: "ERROR", sqlState: "57014" });
  await session.next("Z");

  session.send(encodeTerminate());
  await expect(session.next("?")).rejects.toThrow("the server closed");
});

test.each([
  ["plain", "correct horse"],
  ["of another script", "pässwörd 密码 пароль"],
  ["that SASLprep changes", "soft\u00ADhyphen\u00A0and\u2003spaces \uFB01"],
  ["with a character that it prohibits", "bell\u0007\u00AD"],
])("a password %s is taken as the server has it, and no other", async (_, password) => {
  const signal = AbortSignal.timeout(20_000);
  await using database = await createTestDatabase();
  const login = await createLogin(database.address, `${database.name}_login`, password);
  try {
    using right = await Session.open(login, signal);
    expect(await logIn(right, login)).toHaveProperty("secretKey");
    using wrong = await Session.open(login, signal);
    const refused = await logIn(wrong, { ...login, password: `${password}x` });
    expect(refused).toMatchObject({ severity: "FATAL", sqlState: "28P01" });
  } finally {
    await using connection = await connect(database.address, { applicationName: "test" });
    await connection.client.query(`drop role ${quoteIdentifier(login.user)}`);
  }
});
