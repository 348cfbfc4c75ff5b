import type { Failure } from "../evidence.ts";
import type { ServerReport } from "#lib/postgres/wire/fields.ts";
import type { VerdictCode } from "../verdicts.ts";

/** For poolers the text goes before the code: they use PostgreSQL's codes for causes of their own. */
const texts: readonly (readonly [RegExp, VerdictCode])[] = [
  // RDS Proxy
  [/has no credentials for the role/i, "proxy.missing-secret"],
  [/waiting to acquire (?:a )?database connection/i, "proxy.pool-exhausted"],
  [/maximum number of client connections/i, "db.too-many-connections"],
  [/requires TLS connections|only with SSL connections|SSL required|no encryption|SSL off/i, "tls.required"],
  [/IAM authentication failed|password that was provided for the role .* is wrong/i, "auth.rejected"],
  // PgBouncer
  [/^(?:SASL|password) authentication failed$/i, "auth.rejected"],
  [/no such user/i, "proxy.missing-secret"],
  [/no such database/i, "db.missing"],
  [/query_wait_timeout/i, "proxy.pool-exhausted"],
  [/no more connections allowed/i, "db.too-many-connections"],
  [/idle.timeout/i, "idle.closed"],
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

/** What a server or pooler means that refuses in words. */
export function codeOfReport({ sqlState, message }: ServerReport, isPasswordProven: boolean): VerdictCode {
  // Ours was accepted: it is another's that is wrong, the pooler's own for the database.
  if (isPasswordProven && /authentication failed|is wrong/i.test(message)) return "proxy.secret-stale";
  if (sqlState === "08P01" && passedOn.test(message)) return "proxy.secret-stale";
  const byText = texts.find(([pattern]) => pattern.test(message))?.[1];
  return byText ?? (Object.hasOwn(states, sqlState) ? states[sqlState] : undefined) ?? "db.failed";
}

/** What mends this refusal, where that is nearer than its code's own: a role's limit is not the server's. */
export function fixOfReport(failure: Failure): string | undefined {
  if (failure.kind !== "refused") return undefined;
  const { sqlState, message } = failure.report;
  return sqlState === "53300" && /\bfor role\b/iu.test(message)
    ? "Raise the role's limit (`alter role … connection limit N`), or close some of its connections."
    : undefined;
}
