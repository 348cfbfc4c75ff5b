import type { PeerCertificate } from "node:tls";
import { rootCertificates } from "node:tls";
import { expect, test } from "vitest";
import { type DatabaseAddress, sslModes } from "#lib/postgres/address.ts";
import { tlsOptionsFor } from "#lib/postgres/tls.ts";

const anotherHost = { subject: { CN: "other.example" }, subjectaltname: "DNS:other.example" } as PeerCertificate;

/** For each mode whether the chain is checked, and whether a certificate with another name is refused. */
function checks(ca?: DatabaseAddress["ca"]): Record<string, string> {
  const address = { host: "db.example", port: 5432, database: "app", user: "ann", ...(ca === undefined ? {} : { ca }) };
  const described = sslModes.map((sslMode) => {
    const { rejectUnauthorized = false, checkServerIdentity } = tlsOptionsFor({ ...address, sslMode });
    const checksName = checkServerIdentity?.("", anotherHost) !== undefined;
    return [sslMode, rejectUnauthorized ? (checksName ? "chain and name" : "chain") : "nothing"] as const;
  });
  return Object.fromEntries(described);
}

test("with a CA, the chain is checked always and the name in verify-full", () => {
  expect(checks([rootCertificates[0] ?? ""])).toEqual({
    disable: "chain",
    prefer: "chain",
    require: "chain",
    "verify-ca": "chain",
    "verify-full": "chain and name",
  });
});

test("without a CA no mode trusts a public certificate whatever its name", () => {
  expect(checks()).toEqual({
    disable: "nothing",
    prefer: "nothing",
    require: "nothing",
    "verify-ca": "chain and name",
    "verify-full": "chain and name",
  });
});
