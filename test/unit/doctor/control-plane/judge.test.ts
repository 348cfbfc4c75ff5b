import { describe, expect, it, test } from "vitest";
import type { DoctorAction, Manifest } from "#lib/contract.ts";
import type { Fact } from "#lib/control-plane/fact.ts";
import type { ControlPlaneFacts } from "#lib/control-plane/read-control-plane.ts";
import type { SecurityGroup } from "#lib/control-plane/security-groups.ts";
import { judgeControlPlane, markProbes } from "#lib/doctor/control-plane/judge.ts";
import { controlPlaneFacts, groups, manifest, onPort } from "../../../support/control-plane/control-plane-facts.ts";
import { healthyNetwork, known, networkFacts } from "../../../support/control-plane/network-facts.ts";

const now = new Date("2026-12-01T00:00:00Z");
const judge = (facts: ControlPlaneFacts, of: Manifest = manifest) => judgeControlPlane(of, facts, now);
const refused = <Value>(action: DoctorAction): Fact<Value> => ({
  kind: "unknown",
  action,
  code: "aws.permission",
  because: `${action} is not allowed`,
  ms: 1,
});

/** The groups without the rules that name another one, in one direction. */
function without(id: string, direction: "ingress" | "egress", other: string): SecurityGroup[] {
  return groups.map((group) =>
    group.id === id
      ? Object.assign({}, group, { [direction]: group[direction].filter(({ groupIds }) => !groupIds.includes(other)) })
      : group,
  );
}

test("a stage that is well has no finding and no warning", () => {
  const { findings, probes, unknown } = judge(controlPlaneFacts());
  expect(findings).toEqual([]);
  expect(unknown).toEqual([]);
  expect(probes.filter(({ ok, warning }) => !ok || warning !== undefined)).toEqual([]);
  expect(probes.map(({ name, detail }) => `${name}: ${detail}`)).toEqual([
    "identity: as user/alice",
    "instances: i-1 running at 203.0.113.1, i-2 running at 203.0.113.2",
    "addresses: 203.0.113.1 at i-1, 203.0.113.2 at i-2",
    "routes: rtb-private-1 to i-1, rtb-private-2 to i-2",
    expect.stringMatching(/^security-groups: sg-nat/),
    "agents: i-1 Online, i-2 Online",
    "database: available, certificate of rds-ca-rsa2048-g1 until 2027-06-01",
    "events: none in the last hour",
    "proxy: available",
    "proxy-target: postern-dev AVAILABLE",
    "proxy-secrets: app: there",
    "proxy-secrets: health: there",
  ]);
});

describe("the network", () => {
  const [instance] = healthyNetwork.instances;
  const [address] = healthyNetwork.addresses;
  if (instance === undefined || address === undefined) throw new Error("The network of the test is empty.");

  it("is told with the resource, what it is and what was expected", () => {
    const { associationId: _, instanceId: __, networkInterfaceId: ___, ...detached } = address;
    const network = networkFacts({ addresses: [detached, ...healthyNetwork.addresses.slice(1)] });
    expect(judge(controlPlaneFacts({ network })).findings).toEqual([
      {
        code: "aws.bastion-address-stale",
        probe: "addresses",
        evidence: "the Elastic IP 203.0.113.1 (eipalloc-1) is attached to nothing, not attached to i-1",
        fix: expect.stringContaining("postern repair-nat --stage dev"),
        breaks: ["tunnel", "way-out"],
      },
    ]);
  });

  it("has no tick on what follows from an instance that does not run", () => {
    const stopped = { ...instance, state: "stopped" };
    const network = networkFacts({
      instances: [stopped, ...healthyNetwork.instances.slice(1)],
      agents: [{ instanceId: "i-1", pingStatus: "ConnectionLost" }, ...healthyNetwork.agents.slice(1)],
    });
    const report = judge(controlPlaneFacts({ network }));
    expect(report.findings.map(({ code }) => code)).toEqual(["aws.bastion-stopped"]);
    const marked = markProbes(report, "aws.bastion-stopped").filter(({ ok, warning }) => !ok || warning !== undefined);
    expect(marked.map(({ name, ok, warning }) => [name, ok ? warning : "failed"])).toEqual([
      ["instances", "failed"],
      ["addresses", "203.0.113.1 leads to i-1 (follows from instances)"],
      ["routes", "rtb-private-1 leads to i-1, which does not run (follows from instances)"],
      ["agents", "i-1 ConnectionLost (follows from instances)"],
    ]);
  });

  it.each([
    ["stopped", "aws.bastion-stopped", "the NAT instance i-1 is stopped, not running"],
    ["terminated", "aws.bastion-address-stale", "the manifest names i-1, and there is no such instance any more"],
  ])("is told of an instance that is %s", (state, code, evidence) => {
    const network = networkFacts({ instances: [{ ...instance, state }, ...healthyNetwork.instances.slice(1)] });
    expect(judge(controlPlaneFacts({ network })).findings[0]).toMatchObject({
      code,
      evidence,
      breaks: ["tunnel", "way-out"],
    });
  });

  it("is told of an agent with the time of its last word", () => {
    const lost = { instanceId: "i-1", pingStatus: "ConnectionLost", lastPingAt: new Date("2026-11-30T10:00:00Z") };
    const network = networkFacts({ agents: [lost, ...healthyNetwork.agents.slice(1)] });
    expect(judge(controlPlaneFacts({ network })).findings).toMatchObject([
      {
        code: "aws.agent-offline",
        evidence: "the agent on i-1 is ConnectionLost since 2026-11-30T10:00:00.000Z, not Online; the instance runs",
        breaks: ["tunnel"],
      },
    ]);
  });
});

describe("a NAT gateway in the place of the instances", () => {
  it("carries the way out, whatever becomes of their addresses", () => {
    const managed = { destination: "0.0.0.0/0", target: "nat-1", isBlackhole: false };
    const network = networkFacts({
      routeTables: healthyNetwork.routeTables.map((table) =>
        table.id.startsWith("rtb-private") ? Object.assign({}, table, { routes: [managed] }) : table,
      ),
      addresses: healthyNetwork.addresses.map(({ allocationId, publicIp, tags }) => ({ allocationId, publicIp, tags })),
    });
    expect(judge(controlPlaneFacts({ network })).findings).toMatchObject([
      { code: "aws.bastion-address-stale", breaks: ["tunnel"] },
      { code: "aws.bastion-address-stale", breaks: ["tunnel"] },
    ]);
  });
});

test("an address in the place of the stage's own carries sessions and the way out: that is told, and breaks nothing", () => {
  const network = networkFacts({
    instances: healthyNetwork.instances.map((one) => Object.assign({}, one, { publicIp: "198.51.100.9" })),
    addresses: healthyNetwork.addresses.map(({ allocationId, publicIp, tags }) => ({ allocationId, publicIp, tags })),
  });
  const { findings } = judge(controlPlaneFacts({ network }));
  expect(findings.map(({ breaks }) => breaks)).toEqual([[], []]);
  expect(findings[0]?.evidence).toContain("that one gets out as 198.51.100.9 instead");
});

describe("security groups", () => {
  it.each([
    ["sg-db", "ingress", "sg-nat", "bastion-to-database", "the bastion cannot connect to the database"],
    ["sg-db", "ingress", "sg-inspect", "inspect-to-database", "the inspect function cannot connect to the database"],
    ["sg-db", "ingress", "sg-runner", "others-to-database", "the runner cannot connect to the database"],
    ["sg-db", "ingress", "sg-proxy", "proxy", "the proxy cannot connect to the database"],
    ["sg-proxy", "egress", "sg-db", "proxy", "sg-proxy (proxy) lets nothing out to sg-db (database) on tcp 5432"],
    ["sg-proxy", "ingress", "sg-health", "proxy", "the health function cannot connect to the proxy"],
    ["sg-proxy", "ingress", "sg-inspect", "inspect-to-proxy", "the inspect function cannot connect to the proxy"],
    ["sg-runner", "egress", "sg-db", "others-to-database", "sg-runner (runner) lets nothing out to sg-db"],
  ] as const)("%s without its %s for %s break %s", (id, direction, other, broken, text) => {
    const { findings } = judge(controlPlaneFacts({ groups: known(without(id, direction, other)) }));
    expect(findings).toMatchObject([
      { code: "aws.security-group", evidence: expect.stringContaining(text), breaks: [broken] },
    ]);
  });

  it("that let nothing out to AWS take the way out", () => {
    const closed = groups.map((group) =>
      group.id === "sg-health" ? Object.assign({}, group, { egress: group.egress.slice(0, 1) }) : group,
    );
    expect(judge(controlPlaneFacts({ groups: known(closed) })).findings).toMatchObject([
      { evidence: expect.stringContaining("the health function reaches no API of AWS"), breaks: ["way-out"] },
    ]);
  });

  it("are not accused where a rule names ranges, which may let in", () => {
    const byRange = groups.map((group) =>
      group.id === "sg-db"
        ? Object.assign({}, group, { ingress: [{ protocol: "tcp", groupIds: [], hasRanges: true }] })
        : group,
    );
    expect(judge(controlPlaneFacts({ groups: known(byRange) })).findings).toEqual([]);
  });

  it("are not accused where inspect and the proxy know nothing of each other: a deploy of before", () => {
    const before = without("sg-proxy", "ingress", "sg-inspect").map((group) =>
      group.id === "sg-inspect"
        ? Object.assign({}, group, { egress: [onPort(5432, "sg-db"), ...group.egress.slice(1)] })
        : group,
    );
    expect(judge(controlPlaneFacts({ groups: known(before) })).findings).toEqual([]);
  });

  it("on another port do not let in", () => {
    const other = { ...manifest, database: { ...manifest.database, port: 5433 } };
    expect(judge(controlPlaneFacts(), other).findings.map(({ code }) => code)).toContain("aws.security-group");
  });

  it("are not accused of what could not be read", () => {
    expect(judge(controlPlaneFacts({ database: refused("rds:DescribeDBInstances") })).findings).toEqual([]);
    expect(judge(controlPlaneFacts({ groups: known([]) })).findings).toEqual([]);
  });
});

function database(status: string) {
  return controlPlaneFacts({
    database: known({ status, groupIds: ["sg-db"] }),
    events: known([{ at: new Date("2026-11-30T23:59:00Z"), message: "DB instance stopped" }]),
  });
}

describe("the database", () => {
  it.each(["stopped", "starting", "rebooting", "failed", "incompatible-network", "maintenance"])(
    "that is %s is not available, and RDS's last word says since when",
    (status) => {
      expect(judge(database(status)).findings).toMatchObject([
        {
          code: "aws.database-unavailable",
          evidence: `the instance postern-dev is ${status}, not available; RDS at 2026-11-30T23:59:00.000Z: DB instance stopped`,
          breaks: ["database"],
        },
      ]);
    },
  );

  it("that is full takes no writes", () => {
    expect(judge(database("storage-full")).findings).toMatchObject([{ breaks: ["database", "writes"] }]);
  });

  it.each(["backing-up", "modifying", "storage-optimization"])("that is %s is worth a word and no more", (status) => {
    const { findings, probes } = judge(database(status));
    expect(findings).toEqual([]);
    expect(probes.find(({ name }) => name === "database")).toMatchObject({ ok: true, warning: expect.any(String) });
  });

  it("that is gone is so", () => {
    expect(judge(controlPlaneFacts({ database: known(undefined) })).findings).toMatchObject([
      { code: "aws.database-unavailable", evidence: expect.stringContaining("knows no instance postern-dev") },
    ]);
  });

  it("whose certificate ends within a month is warned of", () => {
    const certificateEndsAt = new Date("2026-12-20T00:00:00Z");
    const facts = controlPlaneFacts({
      database: known({ status: "available", groupIds: ["sg-db"], certificateEndsAt }),
    });
    expect(judge(facts).probes.find(({ name }) => name === "database")?.warning).toContain("2026-12-20");
  });
});

describe("the proxy", () => {
  it("whose target is unavailable says why", () => {
    const target = { id: "postern-dev", state: "UNAVAILABLE", reason: "AUTH_FAILURE", description: "no valid secret" };
    expect(judge(controlPlaneFacts({ proxy: { targets: known([target]) } })).findings).toMatchObject([
      {
        code: "aws.proxy-target",
        evidence:
          "the proxy postern-dev says that its target postern-dev is UNAVAILABLE (AUTH_FAILURE: no valid secret)",
        breaks: ["proxy"],
      },
    ]);
  });

  it.each([
    ["that is gone", { itself: known(undefined), targets: known([]) }],
    ["that is being made", { itself: known({ status: "creating", groupIds: ["sg-proxy"] }) }],
    ["without a target", { targets: known([]) }],
  ])("%s is named once", (_title, proxy) => {
    expect(judge(controlPlaneFacts({ proxy })).findings).toMatchObject([{ code: "aws.proxy-target" }]);
  });

  it("misses a secret before its target does", () => {
    const target = { id: "postern-dev", state: "UNAVAILABLE", reason: "AUTH_FAILURE" };
    const secrets = [{ owner: "app", state: known("missing" as const) }] as const;
    const { findings } = judge(controlPlaneFacts({ proxy: { targets: known([target]), secrets } }));
    expect(findings.map(({ code }) => code)).toEqual(["proxy.missing-secret", "aws.proxy-target"]);
    expect(findings[0]?.evidence).toContain(
      "of the role app, with which the proxy postern-dev logs in, does not exist",
    );
  });
});

test("what may not be asked is a note in its probe, and no finding", () => {
  const network = { ...networkFacts(), addresses: refused<never>("ec2:DescribeAddresses") };
  const report = judge(controlPlaneFacts({ network }));
  expect(report.findings).toEqual([]);
  expect(report.probes.find(({ name }) => name === "addresses")).toMatchObject({
    ok: true,
    detail: "not looked at: ec2:DescribeAddresses is not allowed",
  });
  expect(report.unknown).toMatchObject([{ action: "ec2:DescribeAddresses" }]);
});

test("a failed probe has no warning of another kind beside", () => {
  const facts = controlPlaneFacts({ database: known({ status: "stopped", groupIds: ["sg-db"] }) });
  const failed = markProbes(judge(facts), "db.starting").find(({ name }) => name === "database");
  expect(failed).toMatchObject({ ok: false });
  expect(failed).not.toHaveProperty("warning");
});

test("a finding is a warning in a report that says ok, and a failed probe in any other", () => {
  const report = judge(controlPlaneFacts({ database: known({ status: "stopped", groupIds: ["sg-db"] }) }));
  const text = expect.stringContaining("is stopped");
  const find = (code: string) => markProbes(report, code).find(({ name }) => name === "database");
  expect(find("ok")).toMatchObject({ ok: true, warning: text });
  expect(find("aws.database-unavailable")).toMatchObject({ ok: false, detail: text });
});
