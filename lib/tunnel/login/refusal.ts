import { PosternError } from "#lib/base/errors.ts";
import { type FatalError, fatalErrorResponse } from "#lib/postgres/wire/fatal-error.ts";

/** PostgreSQL's names of the codes: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const sqlStates = {
  invalidAuthorization: "28000",
  invalidPassword: "28P01",
  unableToConnect: "08001",
  cannotConnectNow: "57P03",
  protocolViolation: "08P01",
} as const;

export const refusals = {
  tlsRequired: fatalErrorResponse({
    sqlState: sqlStates.invalidAuthorization,
    message: "this port takes log-ins over TLS only",
    hint: "Use the URL as it was printed, with its sslmode and sslrootcert.",
  }),
  wrongPassword: fatalErrorResponse({
    sqlState: sqlStates.invalidPassword,
    message: "user or password is not the one of this tunnel",
    hint: "Both are in the URL that was printed; the password is another one at each start.",
  }),
  expectedPassword: fatalErrorResponse({
    sqlState: sqlStates.protocolViolation,
    message: "expected a password message",
  }),
} as const;

/**
 * Why the client has no database, in PostgreSQL's words. What the server said keeps its SQLSTATE; but where it refused
 * the tunnel's own login, nothing must look as if the client's password was wrong.
 */
export function databaseRefusal(error: PosternError): Buffer {
  return fatalErrorResponse(fatalOf(error));
}

function fatalOf({ code, message, hint, sqlState }: PosternError): FatalError {
  const text = message.replace(/\.$/u, "");
  if (code.startsWith("auth.")) {
    return {
      sqlState: sqlStates.invalidAuthorization,
      message: `the database refused the tunnel's own login: ${text}`,
      hint: "The password in the URL is right: the tunnel's login to the database is not.",
    };
  }
  const permanent = code.startsWith("cert.") || code.startsWith("tls.");
  const ours = permanent ? sqlStates.unableToConnect : sqlStates.cannotConnectNow;
  return { sqlState: sqlState ?? ours, message: text, hint };
}
