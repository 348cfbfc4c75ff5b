import { describe, expect, it, test } from "vitest";
import { combine } from "#lib/doctor/combine.ts";
import type { Broken, Finding } from "#lib/doctor/control-plane/finding.ts";
import type { AwsReport } from "#lib/doctor/control-plane/judge.ts";
import { silentSecret } from "#lib/doctor/way-out.ts";
import type { DoctorReport, ProbeReport } from "#lib/protocol.ts";

function report(code: string, passed: readonly string[], failed?: string): DoctorReport {
  const evidence = failed === undefined ? {} : { evidence: `${failed}: seen` };
  return {
    verdict: { code, summary: "It is so.", fix: "Mend it.", ...evidence },
    probes: [...passed.map((name) => probe(name, true)), ...(failed === undefined ? [] : [probe(failed, false)])],
    ms: 1,
  };
}

function probe(name: string, ok: boolean): ProbeReport {
  return { name, vantage: "here", ok, ms: 1, detail: "" };
}

const toTheServer = ["dns", "tcp", "ssl-request", "tls", "certificate"];

const heres = {
  ok: report("ok", toTheServer),
  tunnel: report("ssm.agent-offline", [], "transport"),
  "no-answer": report("ssm.no-answer", ["transport", "login"], "ssl-request"),
  timeout: report("tcp.timeout", ["dns"], "tcp"),
  rejected: report("auth.rejected", toTheServer, "auth"),
} as const;

const insides = {
  ok: report("ok", toTheServer),
  timeout: report("tcp.timeout", ["dns"], "tcp"),
  starting: report("db.starting", toTheServer, "startup"),
  secret: report("aws.failed", toTheServer, "secret"),
  unasked: undefined,
} as const;

const allBroken = {
  t: "tunnel",
  b: "bastion-to-database",
  o: "way-out",
  i: "inspect-to-database",
  p: "inspect-to-proxy",
  r: "others-to-database",
  d: "database",
  w: "writes",
  x: "proxy",
} as const satisfies Record<string, Broken>;

/**
 * What is the root of what the walks saw, by the first letters above: any other finding leaves the verdict to the walks.
 * A column for each of `insides`.
 */
const roots: Readonly<Record<keyof typeof heres, readonly [string, string, string, string, string]>> = {
  //            ok      timeout starting secret unasked
  ok: /*     */ ["orwx", "id", "d", "o", "orwx"],
  tunnel: /* */ ["t", "t", "t", "t", "t"],
  "no-answer": ["bd", "bd", "bd", "bd", "bd"],
  timeout: /**/ ["bd", "bid", "bd", "bd", "bd"],
  // It reached a server: what is inside is then what counts, but for one that merely could not log in.
  rejected: /**/ ["", "id", "d", "", ""],
};

function findingThat(breaks: Broken): Finding {
  return { code: "aws.route", probe: "routes", evidence: "rtb-1 differs", fix: "Mend AWS.", breaks: [breaks] };
}

function awsWith(...findings: Finding[]): AwsReport {
  return { stage: "dev", findings, probes: [], unknown: [] };
}

describe("here × inside × AWS", () => {
  for (const [hereName, row] of Object.entries(roots)) {
    for (const [column, insideName] of Object.keys(insides).entries()) {
      const here = heres[hereName as keyof typeof heres];
      const vpc = insides[insideName as keyof typeof insides];
      const walks = { here, ...(vpc === undefined ? {} : { vpc }) };
      const walked = combine(walks);
      it(`${hereName} × ${insideName}: the root is one of "${row[column]}", else ${walked.code} stays`, () => {
        const found = Object.fromEntries(
          Object.entries(allBroken).map(([letter, broken]) => {
            const { code, evidence } = combine({ ...walks, aws: awsWith(findingThat(broken)) });
            return [letter, code === "aws.route" && evidence?.startsWith("rtb-1 differs; ") === true ? "root" : code];
          }),
        );
        const expected = Object.keys(allBroken).map((letter) => [
          letter,
          row[column]?.includes(letter) === true ? "root" : walked.code,
        ]);
        expect(found).toEqual(Object.fromEntries(expected));
        expect(combine({ ...walks, aws: awsWith() })).toEqual(walked);
      });
    }
  }
});

test("the verdict is proven by all that was seen", () => {
  const verdict = combine({ here: heres.tunnel, vpc: insides.ok, aws: awsWith(findingThat("tunnel")) });
  expect(verdict.evidence).toBe("rtb-1 differs; from here, transport: seen; from inside the VPC, everything works");
});

test("a stage that is looked at from inside alone is not said to be seen from here", () => {
  const aws = awsWith(findingThat("inspect-to-database"));
  expect(combine({ vpc: insides.timeout, aws })).toMatchObject({
    code: "aws.route",
    evidence: "rtb-1 differs; from inside the VPC, tcp: seen",
  });
  expect(combine({ vpc: insides.timeout, aws: awsWith(findingThat("bastion-to-database")) }).code).toBe("tcp.timeout");
});

test("of several findings the first that explains it is the root", () => {
  const other = { ...findingThat("way-out"), evidence: "not this" };
  const second = { ...findingThat("tunnel"), evidence: "nor this" };
  const verdict = combine({ here: heres.tunnel, vpc: insides.ok, aws: awsWith(other, findingThat("tunnel"), second) });
  expect(verdict.evidence).toMatch(/^rtb-1 differs;/);
});

test("an agent that is away explains why no session begins, and nothing of SSH", () => {
  const agent = { ...findingThat("tunnel"), code: "aws.agent-offline" } as const;
  const codeOf = (here: DoctorReport) => combine({ here, vpc: insides.ok, aws: awsWith(agent) }).code;
  expect(codeOf(heres.tunnel)).toBe("aws.agent-offline");
  expect(codeOf(report("ssh.unreachable", [], "transport"))).toBe("ssh.unreachable");
});

test("a finding that explains nothing of it is told beside the verdict", () => {
  const verdict = combine({ here: heres.tunnel, vpc: insides.ok, aws: awsWith(findingThat("others-to-database")) });
  expect(verdict).toMatchObject({
    code: "ssm.agent-offline",
    evidence: expect.stringContaining("beside that, AWS says: rtb-1 differs"),
  });
});

test("what AWS could not be asked is told where it might have been the root, and nowhere else", () => {
  const because = "ec2:DescribeAddresses is not allowed";
  const unknown = { kind: "unknown", action: "ec2:DescribeAddresses", code: "aws.permission", because, ms: 1 } as const;
  const aws = { ...awsWith(), unknown: [unknown] };
  expect(combine({ here: heres.tunnel, vpc: insides.ok, aws }).evidence).toContain(`not looked at: ${because}`);
  expect(combine({ here: heres.rejected, vpc: insides.starting, aws }).evidence).toContain("not looked at");
  expect(combine({ here: heres.rejected, aws }).evidence).not.toContain("not looked at");
  expect(combine({ here: heres.ok, vpc: insides.ok, aws })).toEqual(heres.ok.verdict);
});

describe("a secret without an answer, beside a certificate that is well", () => {
  const silent = { ...insides.secret, verdict: silentSecret("secret: no answer") };
  const because = "ec2:DescribeRouteTables is not allowed";
  const unknown = {
    kind: "unknown",
    action: "ec2:DescribeRouteTables",
    code: "aws.permission",
    because,
    ms: 1,
  } as const;
  const whole = { here: heres.ok, vpc: silent };

  it("is a way out or AWS, where EC2 may not be asked: what settles it is named, and what is missing", () => {
    const { code, evidence, ranked } = combine({ ...whole, aws: { ...awsWith(), unknown: [unknown] } });
    expect(code).toBe("ambiguous");
    expect(evidence).toContain(`not looked at: ${because}`);
    expect(ranked?.map((one) => one.code)).toEqual(["aws.route", "aws.failed"]);
    expect(ranked?.[0]?.settle).toContain("postern repair-nat --stage dev`");
    expect(ranked?.[0]?.settle).toContain(because);
  });

  it("is the way out where EC2 says so, and AWS where all of the way out is well", () => {
    expect(combine({ ...whole, aws: awsWith(findingThat("way-out")) }).code).toBe("aws.route");
    const settled = combine({
      ...whole,
      aws: { ...awsWith(), unknown: [{ ...unknown, action: "rds:DescribeEvents" }] },
    });
    expect(settled).toMatchObject({ code: "aws.failed", evidence: expect.stringContaining("the way out is well") });
    expect(settled).not.toHaveProperty("ranked");
  });
});

describe("credentials that may begin no session", () => {
  const here = report("aws.permission", [], "transport");

  it("are the verdict where nothing else is wrong, and not laid on the path", () => {
    const { code, evidence } = combine({ here, vpc: insides.ok, aws: awsWith() });
    expect(code).toBe("aws.permission");
    expect(evidence).not.toContain("the path");
  });

  it("are not where something is, seen from inside or by AWS", () => {
    expect(combine({ here, vpc: insides.starting, aws: awsWith() }).code).toBe("db.starting");
    expect(combine({ here, vpc: insides.secret, aws: awsWith(findingThat("way-out")) }).code).toBe("aws.route");
    for (const broken of ["tunnel", "bastion-to-database", "others-to-database"] as const) {
      expect(combine({ here, vpc: insides.ok, aws: awsWith(findingThat(broken)) }).code).toBe("aws.route");
    }
    expect(combine({ here, vpc: insides.ok, aws: awsWith(findingThat("database")) }).code).toBe("aws.permission");
  });
});

test("a function that these credentials may not ask is no verdict, unless there is nothing else", () => {
  const skipped = report("aws.permission", ["inspect"]);
  expect(combine({ here: heres.ok, vpc: skipped, aws: awsWith() }).code).toBe("ok");
  expect(combine({ here: heres.tunnel, vpc: skipped, aws: awsWith() })).toEqual(heres.tunnel.verdict);
  expect(combine({ vpc: skipped, aws: awsWith() }).code).toBe("aws.permission");
  expect(combine({ vpc: skipped, aws: awsWith(findingThat("way-out")) }).code).toBe("aws.route");
});

test("a function that may not read its own secret is the stage's fault", () => {
  const denied = report("aws.permission", toTheServer, "secret");
  expect(combine({ here: heres.ok, vpc: denied, aws: awsWith(findingThat("tunnel")) }).code).toBe("aws.permission");
});

test("an ambiguous verdict is settled by a finding that fits one of its causes", () => {
  const ranked = [
    { code: "path.lossy", settle: "" },
    { code: "tcp.timeout", settle: "" },
  ];
  const here = { ...heres.timeout, verdict: { ...heres.timeout.verdict, code: "ambiguous", ranked } };
  expect(combine({ here, aws: awsWith(findingThat("bastion-to-database")) }).code).toBe("aws.route");
  expect(combine({ here, aws: awsWith(findingThat("way-out")) }).code).toBe("ambiguous");
});

function combineProxy(proxy: DoctorReport, broken: Broken): string {
  return combine({ here: heres.ok, vpc: { ...insides.ok, proxy }, aws: awsWith(findingThat(broken)) }).code;
}

describe("a proxy", () => {
  it("that has just been walked through is not accused for its last check", () => {
    expect(combineProxy(heres.ok, "proxy")).toBe("ok");
    expect(combineProxy(heres.ok, "way-out")).toBe("aws.route");
  });

  it("that fails does so for the reason that AWS gives", () => {
    const broken = report("proxy.pool-exhausted", toTheServer, "ready");
    expect(combineProxy(broken, "proxy")).toBe("aws.route");
    expect(combineProxy(broken, "inspect-to-proxy")).toBe("aws.route");
    expect(combineProxy(broken, "tunnel")).toBe("proxy.pool-exhausted");
  });
});
