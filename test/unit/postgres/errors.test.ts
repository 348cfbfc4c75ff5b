import { DatabaseError } from "pg";
import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { isRetryable, sqlStateOf, toDatabaseError } from "#lib/postgres/errors.ts";

function errno(code: string, message = `connect ${code} 127.0.0.1:5432`): Error {
  return Object.assign(new Error(message), { code });
}

function refusedByServer(code: string, message: string, extra: { hint?: string; detail?: string } = {}): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, "error"), { code, severity: "FATAL" }, extra);
}

describe("an errno becomes the code that names it", () => {
  test.each([
    ["ENOTFOUND", "dns.not-found", false],
    ["EAI_AGAIN", "dns.not-found", true],
    ["ECONNREFUSED", "tcp.refused", true],
    ["ETIMEDOUT", "tcp.timeout", false],
    ["EHOSTUNREACH", "tcp.unreachable", false],
    ["ENETUNREACH", "tcp.unreachable", false],
    ["ECONNRESET", "endpoint.closed", true],
    ["EPIPE", "endpoint.closed", true],
    ["SELF_SIGNED_CERT_IN_CHAIN", "cert.unknown-ca", false],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "cert.unknown-ca", false],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "cert.unknown-ca", false],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "cert.unknown-ca", false],
    ["CERT_HAS_EXPIRED", "cert.expired", false],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "tls.failed", false],
  ])("%s: %s, retried: %s", (code, expected, retried) => {
    const error = toDatabaseError(errno(code), "connecting to db:5432/app");
    expect(error).toMatchObject({ code: expected, exitCode: 2, sqlState: undefined });
    expect(error.message).toMatch(/^Connecting to db:5432\/app failed: .+\.$/);
    expect(error.message).toContain(code);
    expect(isRetryable(errno(code))).toBe(retried);
    expect(isRetryable(error)).toBe(retried);
  });
});

describe("an SQLSTATE becomes the code that names it, with the server's words", () => {
  test.each([
    ["28P01", "auth.rejected", false],
    ["28000", "auth.no-login", false],
    ["3D000", "db.missing", false],
    ["42501", "db.permission", false],
    ["53300", "db.too-many-connections", true],
    ["57P03", "db.unavailable", true],
    ["57P01", "db.unavailable", true],
    ["25006", "db.read-only", false],
    ["57014", "db.timeout", false],
    ["08006", "endpoint.closed", true],
    ["40001", "db.failed", true],
    ["22012", "db.failed", false],
  ])("%s: %s, retried: %s", (sqlState, expected, retried) => {
    const error = toDatabaseError(refusedByServer(sqlState, "words of the server"), "reading the ledger");
    expect(error).toMatchObject({
      code: expected,
      sqlState,
      message: `Reading the ledger failed: words of the server (SQLSTATE ${sqlState}).`,
    });
    expect(isRetryable(error)).toBe(retried);
    expect(sqlStateOf(error)).toBe(sqlState);
  });

  test("a server that takes only TLS is told from one that refuses the user", () => {
    const text = 'no pg_hba.conf entry for host "10.0.0.9", user "ann", database "app", no encryption';
    expect(toDatabaseError(refusedByServer("28000", text), "connecting").code).toBe("tls.required");
    const withTls = text.replace("no encryption", "SSL encryption");
    expect(toDatabaseError(refusedByServer("28000", withTls), "connecting").code).toBe("auth.no-login");
  });

  test("the server's hint replaces ours, and its detail, which may quote rows, is not printed", () => {
    const extra = { hint: "Do this.", detail: "Key (email)=(ann@example.com) already exists." };
    const error = toDatabaseError(refusedByServer("23505", "duplicate key value", extra), "seeding");
    expect(error.hint).toBe("Do this.");
    expect(JSON.stringify(error.toDocument())).not.toContain("ann@example.com");
  });

  test("EPIPE has the shape of an SQLSTATE and is none", () => {
    expect(toDatabaseError(errno("EPIPE"), "writing").sqlState).toBeUndefined();
  });
});

describe("what comes without a code", () => {
  test.each([
    ["Connection terminated unexpectedly", "endpoint.closed", true],
    ["Client has encountered a connection error and is not queryable", "endpoint.closed", true],
    ["timeout expired", "tcp.timeout", false],
    ["received invalid response: 48", "endpoint.not-postgres", false],
    ["SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a non-empty string", "auth.rejected", false],
    ["SASL: Only mechanism(s) SCRAM-SHA-256 are supported", "auth.rejected", false],
    ["something nobody foresaw", "db.failed", false],
  ])("%s: %s, retried: %s", (message, code, retried) => {
    expect(toDatabaseError(new Error(message), "connecting").code).toBe(code);
    expect(isRetryable(new Error(message))).toBe(retried);
  });

  test("something that is no error at all is still reported", () => {
    expect(toDatabaseError("odd", "connecting")).toMatchObject({
      code: "db.failed",
      message: "Connecting failed: odd.",
    });
  });
});

test("of several addresses of one name, the one that got furthest is reported", () => {
  const both = new AggregateError([errno("ENETUNREACH"), errno("ECONNREFUSED")]);
  expect(toDatabaseError(both, "connecting").code).toBe("tcp.refused");
  expect(isRetryable(both)).toBe(true);
});

test("a certificate for another host is reported with both names", () => {
  const error = Object.assign(errno("ERR_TLS_CERT_ALTNAME_INVALID"), {
    host: "db.example",
    cert: { subjectaltname: "DNS:localhost" },
  });
  expect(toDatabaseError(error, "connecting")).toMatchObject({
    code: "cert.wrong-host",
    message: "Connecting failed: the server's certificate is for DNS:localhost, not for db.example.",
  });
});

test("an error of ours passes unchanged, and an abort becomes `aborted`", () => {
  const ours = new PosternError("lock.held", "Another run holds the lock.");
  expect(toDatabaseError(ours, "connecting")).toBe(ours);
  expect(isRetryable(ours)).toBe(false);
  expect(toDatabaseError(AbortSignal.abort().reason, "waiting").code).toBe("aborted");
});
