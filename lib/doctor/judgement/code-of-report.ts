import type { Attempt, Failure } from "../evidence.ts";
import type { Findings } from "../findings.ts";
import type { VerdictCode } from "../verdicts.ts";
import { type TlsUse, tlsUseOf } from "./tls-use.ts";

/** What a refusal means; with words of its own where the code's would send people the wrong way. */
export type Refusal = { readonly code: VerdictCode; readonly summary?: string; readonly fix?: string };

export type Words = Omit<Refusal, "code">;
type Rule = readonly [RegExp, VerdictCode, Words?];

export const noClientCertificate: Words = {
  summary: "The server asks for a client certificate, and none is offered here.",
  fix: "Use a client that has one, or have the server ask for none (PostgreSQL: `clientcert` and `cert` in pg_hba.conf).",
};

/** For poolers the text goes before the code: they use PostgreSQL's codes for causes of their own, and hand on its words under theirs. */
const texts: readonly Rule[] = [
  // RDS Proxy
  [/has no credentials for the role/i, "proxy.missing-secret"],
  [/waiting to acquire (?:a )?database connection/i, "proxy.pool-exhausted"],
  [/maximum number of client connections/i, "db.too-many-connections"],
  [/requires TLS connections|only with SSL connections|SSL required/i, "tls.required"],
  [/IAM authentication failed|password that was provided for the role .* is wrong/i, "auth.rejected"],
  // PgBouncer
  [/^(?:SASL|password) authentication failed$/i, "auth.rejected"],
  [/no such user/i, "proxy.missing-secret"],
  [/no such database/i, "db.missing"],
  [/query_wait_timeout/i, "proxy.pool-exhausted"],
  [/no more connections allowed/i, "db.too-many-connections"],
  [/idle.timeout/i, "idle.closed"],
  [
    /pgbouncer cannot connect to server|server login (?:has been failing|failed)/i,
    "db.failed",
    {
      summary: "The pooler does not get into the database behind it.",
      fix: "Look at the pooler's log, and at the address and the login that it has for the database.",
    },
  ],
  // PostgreSQL, by itself or through a pooler
  [
    /too many connections for role/i,
    "db.too-many-connections",
    {
      summary: "The role has no connection left.",
      fix: "Raise the role's limit (`alter role … connection limit N`), or close some of its connections.",
    },
  ],
  [
    /too many connections for database/i,
    "db.too-many-connections",
    {
      summary: "The database has no connection left.",
      fix: "Raise the database's limit (`alter database … connection limit N`), or close some of its connections.",
    },
  ],
  [/too many clients already|connection slots are reserved/i, "db.too-many-connections"],
  [/^database ".*" does not exist$/i, "db.missing"],
  [/^permission denied for database/i, "db.no-connect-privilege"],
  [
    /^database ".*" is not currently accepting connections$/i,
    "db.failed",
    {
      summary: "Nobody may connect to this database.",
      fix: "Correct the database's name, or let connections in (`alter database … allow_connections true`).",
    },
  ],
  [
    /^the database system is not accepting connections$/i,
    "db.starting",
    {
      summary: "The server is a standby that takes no connections.",
      fix: "Connect to the primary, or turn hot_standby on.",
    },
  ],
  [/^the database system is /i, "db.starting"],
  [/is not permitted to log in/i, "auth.no-login"],
  [
    /^role ".*" does not exist$/i,
    "auth.no-login",
    { summary: "There is no such role.", fix: "Correct the user's name, or create the role." },
  ],
  [/requires a valid client certificate|certificate authentication failed/i, "auth.method", noClientCertificate],
  [/\b(?:Ident|Peer|GSSAPI|SSPI) authentication failed/i, "auth.method"],
  [
    /^could not fork new process/i,
    "db.failed",
    {
      summary: "The server cannot begin another process.",
      fix: "Look at the memory and the number of processes that its machine has left, or lower max_connections.",
    },
  ],
];

const states: Readonly<Record<string, VerdictCode>> = {
  "25006": "db.read-only",
  "28000": "auth.no-login",
  "28P01": "auth.rejected",
  "3D000": "db.missing",
  "42501": "db.no-connect-privilege",
  "53300": "db.too-many-connections",
  "57P01": "db.starting",
  "57P02": "db.starting",
  "57P03": "db.starting",
  "57P05": "idle.closed",
};

/** PgBouncer's for the words of the server, which it hands on under a code of its own; to ours it says SASL. */
const passedOn = /password authentication failed for user/i;

/** Raised by SQL (class P0): its text is anybody's. Before a session is ready only a login event trigger raises. */
const raised: Refusal = {
  code: "db.failed",
  summary: "What the database runs when somebody logs in refused.",
  fix: "Look at its login event triggers: `alter event trigger … disable`, from a session with event_triggers off.",
};

type Refused = Extract<Failure, { kind: "refused" }>;

/** What a server or pooler means that refuses an attempt in words. */
export function explainRefusal(
  findings: Pick<Findings, "hasTls">,
  attempt: Attempt,
  { report, isPasswordProven }: Refused,
): Refusal {
  const { sqlState, message } = report;
  if (sqlState.startsWith("P0")) return raised;
  if (/\bpg_hba\.conf\b/i.test(message)) return explainHba(message, tlsUseOf(findings, attempt));
  // Ours was accepted: it is another's that is wrong, the pooler's own for the database.
  if (isPasswordProven && /authentication failed|is wrong/i.test(message)) return { code: "proxy.secret-stale" };
  if (sqlState === "08P01" && passedOn.test(message)) return { code: "proxy.secret-stale" };
  const rule = texts.find(([pattern]) => pattern.test(message));
  if (rule !== undefined) return { code: rule[1], ...rule[2] };
  return { code: (Object.hasOwn(states, sqlState) ? states[sqlState] : undefined) ?? "db.failed" };
}

/** A connection without TLS is refused for that only where there is TLS to be had, and only where it is ours. */
function explainHba(message: string, tls: TlsUse): Refusal {
  const isPlain = /no encryption|SSL off/i.test(message);
  if (isPlain && tls === "unknown") return { code: "tls.required" };
  return {
    code: "auth.no-login",
    ...(isPlain && tls === "on"
      ? {
          summary: "A pooler stands in between, and comes to the database without TLS, which that does not let in.",
          fix: "Have the pooler use TLS to the database (PgBouncer: server_tls_sslmode=verify-full).",
        }
      : {
          summary:
            "The server's pg_hba.conf lets in no such connection: this user, from this address, to this database.",
          fix: "Correct user and database, or give them a line in pg_hba.conf and reload it.",
        }),
  };
}
