import type { Verdict } from "./traits.ts";

/** The start of a session, up to its login. */
export const sessionVerdicts = {
  // The start of a session
  "startup.closed": {
    summary: "The server closes when a session begins.",
    proof: "FIN after the startup message.",
    fix: "Look at the server's log at that time.",
    traits: { place: "either", source: "way", suspects: ["database", "proxy-login"] },
  },
  "startup.reset": {
    summary: "The connection is reset when a session begins.",
    proof: "RST after the startup message.",
    fix: "Look at the server's log at that time.",
    traits: { place: "either", source: "way", suspects: ["database", "proxy-login"] },
  },
  "startup.stalled": {
    summary: "The server accepts a connection, and begins no session.",
    proof: "No answer to the startup message within its time, or not a whole one.",
    fix: "Look at the server: out of memory or processes, a lock on its catalogs, or a pooler without a server.",
    traits: { place: "either", source: "way", suspects: ["database", "proxy-login"] },
  },

  // Authentication
  "auth.closed": {
    summary: "The server closes in the middle of authentication.",
    proof: "FIN or RST within the exchange, or behind it and before the session was ready.",
    fix: "Look at the server's log at that time.",
    traits: { place: "server", source: "way", suspects: ["proxy-login"] },
  },
  "auth.stalled": {
    summary: "The server stops answering in the middle of authentication.",
    proof: "No answer within the exchange in its time.",
    fix: "Look at what the server or pooler waits for: its source of passwords, a server behind it, a lock, a login trigger.",
    traits: { place: "server", source: "way", suspects: ["proxy-login"] },
  },
  "auth.rejected": {
    summary: "User or password is wrong, or the password has run out.",
    proof: "28P01 to our proof of the password; PostgreSQL says no more, also of one whose VALID UNTIL is past.",
    fix: "Take the present password from the secret; `postern setup` mends a role's.",
    traits: { place: "server", source: "login", suspects: [] },
  },
  "auth.no-password": {
    summary: "No password was given, and the server asks for one.",
    proof: "The server asked for a password, and there was none: nothing was sent.",
    fix: "Set PGPASSWORD or PGPASSFILE, or put the password into the URL.",
    traits: { place: "server", source: "login", suspects: [] },
  },
  "auth.impostor": {
    summary: "The server did not prove that it knows the password.",
    proof: "Its signature at the end of SCRAM is wrong.",
    fix: "Do not use this connection: somebody stands in between, or the server's verifier is broken.",
    traits: { place: "server", source: "server", suspects: [] },
  },
  "auth.method": {
    summary: "Client and server have no way of authentication in common.",
    proof: "The server asks for a method that is not offered here, or for a client certificate.",
    fix: "Set the server to scram-sha-256.",
    traits: { place: "server", source: "login", suspects: [] },
  },
  "auth.no-login": {
    summary: "This role may not log in.",
    proof: "28000 after the password was accepted, or instead of asking for it.",
    fix: "Give the role LOGIN, or use another one.",
    traits: { place: "server", source: "login", suspects: [] },
  },
} as const satisfies Record<string, Verdict>;
