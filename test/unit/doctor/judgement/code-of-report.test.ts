import { describe, expect, test } from "vitest";
import type { Attempt, Failure, StepName } from "#lib/doctor/evidence.ts";
import { judge } from "#lib/doctor/judgement/judge.ts";

function refusedAt(step: StepName, sqlState: string, message: string, isPasswordProven = false): Attempt {
  const failure: Failure = { kind: "refused", report: { severity: "FATAL", sqlState, message }, isPasswordProven };
  return { steps: [{ name: step, ms: 1, detail: "seen", failure }] };
}

/** In a session that runs over TLS. */
function refused(sqlState: string, message: string, isPasswordProven = false) {
  const { steps } = refusedAt("auth", sqlState, message, isPasswordProven);
  return { attempts: [{ steps: [{ name: "tls", ms: 1, detail: "" } as const, ...steps] }] };
}

test("a limit of the role's is mended at the role, whoever else has connections left", () => {
  const ofRole = judge(refused("53300", 'too many connections for role "app"', true));
  expect(ofRole).toMatchObject({ code: "db.too-many-connections", fix: expect.stringContaining("connection limit") });
  const ofServer = judge(refused("53300", "sorry, too many clients already"));
  expect(ofServer).toMatchObject({ code: "db.too-many-connections", fix: expect.stringContaining("use the proxy") });
  const several = refusedAt("parallel", "53300", 'too many connections for role "app"', true);
  expect(judge({ attempts: [several] })).toMatchObject({ code: "parallel.limit", fix: ofRole.fix });
});

describe("what a refusal in words means, and where it is mended", () => {
  const noEntry = 'no pg_hba.conf entry for host "1.2.3.4", user "x", database "y", no encryption';
  const plain = refusedAt("startup", "28000", noEntry);

  test("a connection without TLS is refused for that only where the server has TLS", () => {
    expect(judge({ attempts: [plain] }).code).toBe("tls.required");
    expect(judge({ attempts: [plain], hasTls: true }).code).toBe("tls.required");
    const hba = { code: "auth.no-login", fix: expect.stringContaining("pg_hba.conf") };
    expect(judge({ attempts: [plain], hasTls: false })).toMatchObject(hba);
    const asked = [{ name: "ssl-request", ms: 1, detail: "PostgreSQL answers, without TLS" }] as const;
    expect(judge({ attempts: [{ steps: [...asked, ...plain.steps] }] })).toMatchObject(hba);
  });

  test("over TLS it is the pooler's own connection that lacks it", () => {
    const verdict = judge(refused("08P01", noEntry));
    expect(verdict).toMatchObject({ code: "auth.no-login", fix: expect.stringContaining("server_tls_sslmode") });
  });

  test.each<[string, string, string, string]>([
    [
      "28000",
      'pg_hba.conf rejects connection for host "::1", user "x", database "y", SSL encryption',
      "auth.no-login",
      "pg_hba.conf",
    ],
    ["28000", 'role "x" does not exist', "auth.no-login", "create the role"],
    ["28000", 'role "x" is not permitted to log in', "auth.no-login", "LOGIN"],
    ["28000", "connection requires a valid client certificate", "auth.method", "clientcert"],
    ["28000", 'certificate authentication failed for user "x"', "auth.method", "clientcert"],
    ["28000", 'Peer authentication failed for user "x"', "auth.method", "scram-sha-256"],
    ["53300", 'too many connections for database "y"', "db.too-many-connections", "alter database"],
    ["55000", 'database "y" is not currently accepting connections', "db.failed", "allow_connections"],
    ["57P03", "the database system is not accepting connections", "db.starting", "hot_standby"],
    ["57P03", "the database system is not yet accepting connections", "db.starting", "Wait"],
    ["08P01", 'database "y" does not exist', "db.missing", "name"],
    ["08P01", 'too many connections for role "x"', "db.too-many-connections", "alter role"],
    ["08P01", "sorry, too many clients already", "db.too-many-connections", "Close some"],
    ["08P01", 'permission denied for database "y"', "db.no-connect-privilege", "grant connect"],
    ["08P01", "the database system is starting up", "db.starting", "Wait"],
    [
      "08P01",
      "server login has been failing, cached error: connect failed (server_login_retry)",
      "db.failed",
      "pooler",
    ],
    ["", "could not fork new process for connection: Cannot allocate memory", "db.failed", "memory"],
  ])("%s %s", (sqlState, message, code, fix) => {
    expect(judge(refused(sqlState, message))).toMatchObject({ code, fix: expect.stringContaining(fix) });
  });

  test("what a login event trigger says is its own, whatever it sounds like", () => {
    const verdict = judge(refused("P0001", "authentication failed: no such database, the password is wrong", true));
    expect(verdict).toMatchObject({ code: "db.failed", fix: expect.stringContaining("event trigger") });
  });
});
