import type { Verdict } from "./traits.ts";

/** What a server, or a pooler before it, says to a login that it knows. */
export const databaseVerdicts = {
  // The database
  "db.missing": {
    summary: "The database does not exist.",
    proof: "3D000 after the password was accepted.",
    fix: "Correct the database's name.",
    traits: { place: "server", source: "login", suspects: [] },
  },
  "db.no-connect-privilege": {
    summary: "This role may not connect to this database.",
    proof: "42501 after the password was accepted.",
    fix: "Run `postern setup`, or grant connect on the database to the role.",
    traits: { place: "server", source: "login", suspects: [] },
  },
  "db.too-many-connections": {
    summary: "The server has no connection left.",
    proof: "53300.",
    fix: "Close some connections, or use the proxy.",
    traits: { place: "server", source: "login", suspects: [] },
  },
  "db.starting": {
    summary: "The server is starting, recovering or shutting down.",
    proof: "57P03 or 57P01.",
    fix: "Wait; then look at why it restarted.",
    traits: { place: "server", source: "login", suspects: ["database"] },
  },
  "db.read-only": {
    summary: "The server takes no writes.",
    proof: "The server says that in_hot_standby is on.",
    fix: "Connect to the primary.",
    traits: { place: "server", source: "login", suspects: [] },
  },
  "db.failed": {
    summary: "The server refused, for a reason of its own.",
    proof: "An error that is none of the others.",
    fix: "Read the server's text.",
    traits: { place: "server", source: "login", suspects: ["database"] },
  },

  // RDS Proxy and other poolers
  "proxy.missing-secret": {
    summary: "The proxy has no password for this role.",
    proof:
      "Its text says that it has no credentials for the role, or its log that it cannot have them; or AWS says that the secret has no value or is gone.",
    fix: "Give the proxy a secret for the role, or use a role that it knows.",
    traits: { place: "proxy", source: "login", suspects: [] },
  },
  "proxy.secret-stale": {
    summary: "The proxy's password for this role is not the database's.",
    proof: "The proxy accepted ours, and the database refused the proxy's: it says so, or its log does.",
    fix: "Bring the secret and the role together again: `postern setup`.",
    traits: { place: "proxy", source: "login", suspects: [] },
  },
  "proxy.pool-exhausted": {
    summary: "The proxy has no connection to the database left.",
    proof: "Its text about waiting, or silence after the password was accepted or to the first query.",
    fix: "Look at what holds connections, or raise the proxy's share of max_connections.",
    traits: { place: "proxy", source: "way", suspects: ["proxy-login"] },
  },
} as const satisfies Record<string, Verdict>;
