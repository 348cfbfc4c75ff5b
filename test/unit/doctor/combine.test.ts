import { expect, test } from "vitest";
import { combine } from "#lib/doctor/combine.ts";
import { describeVerdict, type VerdictCode } from "#lib/doctor/verdicts.ts";
import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";

function report(code: VerdictCode, passed: readonly string[], failed?: string): DoctorReport {
  const { summary, fix } = describeVerdict(code);
  return {
    verdict: { code, summary, fix, ...(code === "ok" ? {} : { evidence: `${failed}: seen` }) },
    probes: [...passed.map((name) => probe(name, true)), ...(failed === undefined ? [] : [probe(failed, false)])],
    ms: 10,
  };
}

function probe(name: string, ok: boolean): ProbeReport {
  return { name, vantage: "here", ok, ms: 1, detail: "" };
}

const whole = report("ok", ["dns", "tcp", "ssl-request", "tls", "certificate", "auth", "query"]);
const toTheServer = ["dns", "tcp", "ssl-request", "tls", "certificate"];

test("well from both vantages is well", () => {
  expect(combine({ here: whole, vpc: whole }).code).toBe("ok");
  expect(combine({ here: whole }).code).toBe("ok");
});

test("what works inside and fails here is the path, and is said to be", () => {
  const verdict = combine({ here: report("tcp.timeout", ["dns"], "tcp"), vpc: whole });
  expect(verdict).toMatchObject({
    code: "tcp.timeout",
    evidence: expect.stringContaining("the path, not the database"),
  });
});

test.each(["cert.unknown-ca", "cert.wrong-host"] as const)(
  "a server that shows %s here, where inside all is well, is another one",
  (code) => {
    const here = report(code, ["tcp", "ssl-request", "tls"], "certificate");
    expect(combine({ here, vpc: whole }).code).toBe("endpoint.wrong-server");
  },
);

test.each(["auth.rejected", "auth.no-login", "db.missing", "db.too-many-connections", "parallel.limit"] as const)(
  "%s of the login here accuses no other server, nor the path: inside it is another role that logs in",
  (code) => {
    const verdict = combine({ here: report(code, toTheServer, "auth"), vpc: whole });
    expect(verdict).toMatchObject({ code, evidence: expect.stringContaining("another role logs in and all works") });
    expect(verdict.evidence).not.toContain("the path");
  },
);

test.each(["aws.credentials", "secret.missing", "secret.invalid"])(
  "%s, for which the login cannot be had here, is no fault of the path, where inside all is well",
  (code) => {
    const verdict = { code, summary: "No login.", fix: "Mend it.", evidence: "login: seen" };
    const { evidence } = combine({ here: { ...report("ok", ["transport"], "login"), verdict }, vpc: whole });
    expect(evidence).toBe("login: seen; from inside the VPC everything works");
  },
);

test.each(["ssm.no-answer", "ssh.no-answer"] as const)(
  "%s here, and a database that accepts and says nothing inside: the database is frozen",
  (code) => {
    const here = report(code, ["transport", "login", "tcp"], "ssl-request");
    const frozen = report("endpoint.silent", ["dns", "tcp"], "ssl-request");
    expect(combine({ here, vpc: frozen })).toMatchObject({
      code: "endpoint.silent",
      evidence: expect.stringMatching(/^from inside the VPC, .*from here, /u),
    });
    // Not even TCP is answered inside: that may be its group, or the host.
    expect(combine({ here, vpc: report("tcp.timeout", ["dns"], "tcp") }).code).toBe(code);
  },
);

test("what inside could not log in for want of a secret proves nothing against this side", () => {
  const verdict = { code: "aws.failed", summary: "No answer.", fix: "Mend it.", evidence: "secret: seen" };
  const inside = { ...report("ok", toTheServer, "secret"), verdict };
  expect(combine({ here: report("auth.rejected", toTheServer, "auth"), vpc: inside }).code).toBe("auth.rejected");
  expect(combine({ here: whole, vpc: inside }).code).toBe("aws.failed");
});

test("the same from both is the database's own trouble", () => {
  const broken = report("db.starting", toTheServer, "startup");
  expect(combine({ here: broken, vpc: broken })).toMatchObject({
    code: "db.starting",
    evidence: expect.stringContaining("the same from here and from inside"),
  });
});

test("of two troubles the first on the way is the verdict", () => {
  const inside = report("db.too-many-connections", toTheServer, "startup");
  expect(combine({ here: report("tcp.refused", ["dns"], "tcp"), vpc: inside }).code).toBe("tcp.refused");
  expect(combine({ here: report("path.mtu-down", [...toTheServer, "auth"], "download"), vpc: inside }).code).toBe(
    "db.too-many-connections",
  );
});

test("well here and broken inside is broken: the functions are inside", () => {
  expect(combine({ here: whole, vpc: report("tcp.timeout", ["dns"], "tcp") }).code).toBe("tcp.timeout");
});

test("a function that cannot be asked is the verdict where all is well here, and proves nothing where it is not", () => {
  const verdict = { code: "lambda.failed", summary: "It crashed.", fix: "Look.", evidence: "inspect: It crashed." };
  const inside = { ...report("ok", [], "inspect"), verdict };
  expect(combine({ here: whole, vpc: inside }).code).toBe("lambda.failed");
  expect(combine({ here: report("auth.rejected", toTheServer, "auth"), vpc: inside }).code).toBe("auth.rejected");
});
