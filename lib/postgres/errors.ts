import { PosternError } from "#lib/base/errors.ts";
import { type Fault, faultOf } from "./faults.ts";
import { ScriptError } from "./script.ts";

/**
 * Any failure between here and PostgreSQL as the one error of this project. A PosternError stays as it is.
 *
 * @param doing what was under way, as a gerund: "connecting to db.example:5432/app", "reading the ledger"
 */
export function toDatabaseError(error: unknown, doing: string): PosternError {
  if (error instanceof PosternError) return error;
  const cause = mostTelling(error);
  if (isAbort(cause)) return new PosternError("aborted", `Stopped while ${doing}.`, { cause });
  const { code, reason, hint, sqlState } = explain(cause);
  return new PosternError(code, `${sentenceCase(doing)} failed: ${reason}.`, { cause, hint, sqlState });
}

/** True when the fault table says that trying again may help. Looks through wrappers at the first cause. */
export function isRetryable(error: unknown): boolean {
  const cause = mostTelling(error);
  if (cause instanceof PosternError) return cause.cause !== undefined && isRetryable(cause.cause);
  const key = codeOf(cause);
  if (key !== undefined) return faultOf(key)?.retry ?? false;
  return textFault(messageOf(cause))?.retry ?? false;
}

/** The server's five-character code, where PostgreSQL itself refused. */
export function sqlStateOf(error: unknown): string | undefined {
  const cause = mostTelling(error instanceof PosternError ? error.cause : error);
  const code = codeOf(cause);
  return code !== undefined && isSqlState(cause, code) ? code : undefined;
}

type Explanation = {
  readonly code: Fault["code"];
  readonly reason: string;
  readonly hint?: string | undefined;
  readonly sqlState?: string | undefined;
};

function explain(error: unknown): Explanation {
  const key = codeOf(error);
  if (key !== undefined && isSqlState(error, key)) return explainSqlState(error, key);
  if (key === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return { code: "cert.wrong-host", reason: describeWrongHost(error) };
  }
  const fault = key === undefined ? textFault(messageOf(error)) : faultOf(key);
  if (fault !== undefined) {
    const text = fault.meaning ?? withoutFullStop(messageOf(error));
    return { code: fault.code, reason: key === undefined ? text : `${text} (${key})` };
  }
  if (key?.startsWith("ERR_SSL_") === true || key?.startsWith("ERR_TLS_") === true) {
    return { code: "tls.failed", reason: `the TLS handshake broke off (${key})` };
  }
  return { code: "db.failed", reason: withoutFullStop(messageOf(error)) };
}

/**
 * The server's own words, and its hint. Its `detail` stays in `cause`: it may quote rows ("Key (email)=(…) exists").
 */
function explainSqlState(error: unknown, sqlState: string): Explanation {
  const text = withoutFullStop(messageOf(error));
  const reason = `${text} (SQLSTATE ${sqlState})`;
  if (sqlState === "28000" && wantsTls(text)) return { code: "tls.required", reason, sqlState };
  const hint = textField(error, "hint");
  return { code: faultOf(sqlState)?.code ?? "db.failed", reason, hint, sqlState };
}

/** PostgreSQL: `no pg_hba.conf entry for host …, no encryption` (before 14: `SSL off`); RDS Proxy: `requires TLS`. */
function wantsTls(text: string): boolean {
  return /no encryption|SSL off|requires? TLS/i.test(text);
}

/**
 * What node-postgres reports as text alone (its lib/client.js, lib/crypto/sasl.js and pg-protocol's parser).
 * A test against the installed version fails when these words change.
 */
const textFaults: readonly (readonly [RegExp, Fault])[] = [
  [
    /client password must be a/,
    { code: "auth.rejected", retry: false, meaning: "the server asks for a password and none was given" },
  ],
  [
    /server signature does not match/,
    { code: "auth.rejected", retry: false, meaning: "the server did not prove that it knows the password" },
  ],
  [/^SASL: /, { code: "auth.rejected", retry: false }],
  [/^Connection terminated/, { code: "endpoint.closed", retry: true, meaning: "the connection was closed" }],
  [/not queryable/, { code: "endpoint.closed", retry: true, meaning: "the connection was lost before" }],
  [/^timeout (expired|exceeded)/, { code: "tcp.timeout", retry: false, meaning: "there was no answer in time" }],
  [
    /^received invalid response/,
    { code: "endpoint.not-postgres", retry: false, meaning: "the answer is not PostgreSQL's" },
  ],
  [
    /^Unknown authentication/i,
    { code: "endpoint.not-postgres", retry: false, meaning: "the answer is not PostgreSQL's" },
  ],
];

function textFault(text: string): Fault | undefined {
  return textFaults.find(([pattern]) => pattern.test(text))?.[1];
}

/** From several addresses of one name, the failure that got furthest: a refusal says more than a missing route. */
const furthestFirst = ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"];

function mostTelling(error: unknown): unknown {
  if (error instanceof ScriptError) return mostTelling(error.cause);
  if (!(error instanceof AggregateError) || error.errors.length === 0) return error;
  const errors: unknown[] = error.errors;
  const found = furthestFirst.map((code) => errors.find((one) => codeOf(one) === code));
  return found.find((one) => one !== undefined) ?? errors[0];
}

function describeWrongHost(error: unknown): string {
  const host = textField(error, "host") ?? "this host";
  const names = certificateNames(error);
  return `the server's certificate is for ${names ?? "another name"}, not for ${host}`;
}

function certificateNames(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("cert" in error)) return undefined;
  return textField(error.cert, "subjectaltname");
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || error.name === "TimeoutError");
}

function isSqlState(error: unknown, code: string): boolean {
  // Only the server's messages carry a severity; an errno such as EPIPE has five characters too.
  return /^[0-9A-Z]{5}$/.test(code) && textField(error, "severity") !== undefined;
}

function codeOf(error: unknown): string | undefined {
  return textField(error, "code");
}

function messageOf(error: unknown): string {
  return textField(error, "message") ?? String(error);
}

function textField(value: unknown, name: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const field: unknown = Reflect.get(value, name);
  return typeof field === "string" && field !== "" ? field : undefined;
}

function withoutFullStop(text: string): string {
  return text.replace(/\.$/, "");
}

function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
