import { describe, expect, test } from "vitest";
import { createAwsModel } from "#lib/local/aws/model.ts";
import { judgeReachability, type Reachability } from "#lib/local/aws/reachability.ts";
import { type AwsResources, isDeleted } from "#lib/local/aws/resources.ts";
import { settle } from "#lib/local/aws/settle.ts";
import { localInstanceId } from "#lib/local/gateway/gateway.ts";
import { type BreakName, breaks } from "#lib/local/stage/breaks/breaks.ts";
import { openWorkshop } from "#lib/local/stage/breaks/workshop.ts";
import { describeResources, type StageFacts } from "#lib/local/stage/description.ts";
import { networkIds } from "#lib/local/stage/network/ids.ts";
import { createSteppedClock } from "../../../../support/stepped-clock.ts";

const facts: StageFacts = {
  stage: "local",
  region: "local",
  database: { host: "127.0.0.1", port: 54_320, name: "postern", caFile: "/data/ca.pem", version: 18 },
  aws: { url: "http://127.0.0.1:54321", accessKeyId: "id", secretAccessKey: "key" },
};
const startedAt = new Date("2026-01-02T03:04:05.000Z");
const healthy = describeResources(facts, startedAt);
const names = Object.keys(breaks) as BreakName[];
const context = { stage: "local", now: startedAt };

const well: Reachability = {
  targets: { [localInstanceId]: "online" },
  letIn: [localInstanceId],
  functionsReachAws: true,
  databaseListens: true,
  proxyHasTarget: true,
};

/** What cannot be reached any more; a break that is not here takes nothing from the network. */
const effects: Readonly<Partial<Record<BreakName, Partial<Reachability>>>> = {
  "bastion-address": { targets: { [localInstanceId]: "offline" }, functionsReachAws: false },
  "bastion-stopped": { targets: { [localInstanceId]: "stopped" }, functionsReachAws: false },
  "bastion-terminated": { targets: {}, letIn: [], functionsReachAws: false },
  "agent-offline": { targets: { [localInstanceId]: "offline" } },
  "source-dest-check": { functionsReachAws: false },
  "nat-route": { functionsReachAws: false },
  "nat-route-stale": { functionsReachAws: false },
  "security-group": { letIn: [] },
  "database-stopped": { databaseListens: false, proxyHasTarget: false },
  "proxy-target": { proxyHasTarget: false },
};

function breakIn(before: AwsResources, name: BreakName): AwsResources {
  return settle(breaks[name].apply(before, context));
}

test("a stage that has just started is well, by what its network says alone", () => {
  expect(judgeReachability(healthy)).toEqual(well);
});

describe.each(names)("%s", (name) => {
  test("takes away what it takes away in AWS, and nothing else", () => {
    expect(judgeReachability(breakIn(healthy, name))).toEqual({ ...well, ...effects[name] });
  });

  test("changes something, and nothing more when it is done again", () => {
    const broken = breakIn(healthy, name);
    expect(broken).not.toEqual(healthy);
    expect(breakIn(broken, name)).toEqual(broken);
  });

  test("takes away the same whatever else is broken", () => {
    for (const other of names) {
      const both = judgeReachability(breakIn(breakIn(healthy, other), name));
      const alone = [judgeReachability(breakIn(healthy, other)), judgeReachability(breakIn(healthy, name))];
      expect({ other, ...both }).toMatchObject({
        other,
        functionsReachAws: alone.every((one) => one.functionsReachAws),
        proxyHasTarget: alone.every((one) => one.proxyHasTarget),
        databaseListens: alone.every((one) => one.databaseListens),
        letIn: alone.every((one) => one.letIn.length > 0) ? [localInstanceId] : [],
      });
    }
  });
});

test("what is stopped by hand is started by hand: with it come its routes, and later its agent", async () => {
  const clock = createSteppedClock();
  using model = createAwsModel(breakIn(healthy, "bastion-stopped"), clock);
  model.change((before) => ({
    ...before,
    instances: before.instances.map((one) => Object.assign({}, one, { State: { Code: 0, Name: "pending" as const } })),
  }));
  expect(judgeReachability(model.read())).toMatchObject({ functionsReachAws: false });
  await clock.advance(1500);
  expect(judgeReachability(model.read())).toEqual({ ...well, targets: { [localInstanceId]: "offline" } });
  await clock.advance(1000);
  expect(judgeReachability(model.read())).toEqual(well);
});

test("a terminated bastion takes its interface with it, and the address is free", () => {
  const { networkInterfaces, addresses, instanceInformation } = breakIn(healthy, "bastion-terminated");
  expect(networkInterfaces.map((one) => one.NetworkInterfaceId)).not.toContain(networkIds.bastionInterface);
  expect(addresses).toEqual([expect.not.objectContaining({ AssociationId: expect.anything() })]);
  expect(instanceInformation).toEqual([]);
});

test("a stopped database makes its proxy's target unreachable, which is back after it", async () => {
  const clock = createSteppedClock();
  using model = createAwsModel(healthy, clock);
  const health = () => model.read().dbProxyTargets["postern-local"]?.[0]?.TargetHealth;
  model.change((before) => breaks["database-stopped"].apply(before, context));
  expect(health()).toMatchObject({ State: "UNAVAILABLE", Reason: "UNREACHABLE" });
  expect(model.read().dbEvents.at(-1)?.Message).toBe("DB instance stopped");
  model.change((before) => ({
    ...before,
    dbInstances: before.dbInstances.map((one) => Object.assign({}, one, { DBInstanceStatus: "available" })),
  }));
  await clock.advance(10_000);
  expect(health()).toEqual({ State: "AVAILABLE" });
});

test("what is deleted is the stage's own", () => {
  const broken = ["secret-missing", "tunnel-document-missing", "inspect-missing"] as const;
  const resources = broken.reduce<AwsResources>((before, name) => breakIn(before, name), healthy);
  expect(isDeleted(resources, "secret", "postern/local/migrator")).toBe(true);
  expect(isDeleted(resources, "document", "postern-local-tunnel")).toBe(true);
  expect(isDeleted(resources, "function", "postern-local-inspect")).toBe(true);
});

describe("a workshop", () => {
  test("remembers what it broke, until somebody has mended it", async () => {
    const { model, workshop } = openHealthy();
    await workshop.break("source-dest-check");
    expect(await workshop.break("security-group")).toMatchObject({ broken: ["source-dest-check", "security-group"] });
    model.change((before) => ({
      ...before,
      networkInterfaces: before.networkInterfaces.map((one) => Object.assign({}, one, { SourceDestCheck: false })),
    }));
    expect(workshop.look()).toMatchObject({ broken: ["security-group"], reach: { functionsReachAws: true } });
  });

  test("mends everything at once", async () => {
    const { workshop } = openHealthy();
    for (const name of names) await workshop.break(name);
    expect(await workshop.mend()).toEqual({ broken: [], reach: well });
  });
});

function openHealthy() {
  const clock = createSteppedClock();
  const model = createAwsModel(healthy, clock);
  const workshop = openWorkshop({
    model,
    stage: "local",
    healthy: () => healthy,
    now: () => clock.wallTime(),
    settled: async () => {},
  });
  return { model, workshop };
}
