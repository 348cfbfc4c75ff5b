import { describe, expect, it } from "vitest";
import { resolveSettings } from "../../../infra/settings/resolve.ts";
import { stageKinds } from "../../../infra/stage.ts";

const production = (overrides: object) => ({ stages: { production: overrides } });
const existing = (ids: string[]) => ({ vpcId: "vpc-1", privateSubnetIds: ids });

describe("the settings of a stage", () => {
  it.each(["production", "staging", "dev", "pr-17"])("%s is fine without any of its own", (stage) => {
    expect(() => resolveSettings(stage, {})).not.toThrow();
  });

  it("are those of its kind, with single values replaced", () => {
    const settings = resolveSettings("production", {
      stages: { production: { database: { instanceClass: "m7g.large" }, network: { nat: { renewZone: 1 } } } },
    });
    expect(settings.database).toEqual({ ...stageKinds.production.database, instanceClass: "m7g.large" });
    expect(settings.network.nat).toEqual({ ...stageKinds.production.network.nat, renewZone: 1 });
    expect(settings.protected).toBe(true);
  });

  it("take an undefined value for none", () => {
    const config = { stages: { dev: { database: { version: undefined }, longRuns: undefined } } };
    expect(resolveSettings("dev", config)).toEqual(stageKinds.other);
  });

  it("come from otherStages for a stage that is not named", () => {
    const config = { stages: { dev: { longRuns: true } }, otherStages: { proxy: { enabled: true } } };
    expect(resolveSettings("feature", config).proxy.enabled).toBe(true);
    expect(resolveSettings("dev", config)).toMatchObject({ longRuns: true, proxy: { enabled: false } });
  });

  it.each(["production", "staging"])("come from otherStages for %s never, which is a kind of its own", (stage) => {
    const config = { otherStages: { proxy: { enabled: false }, network: { range: "10.50.0.0/16" } } };
    expect(resolveSettings(stage, config)).toEqual(stageKinds[stage as "production" | "staging"]);
    expect(resolveSettings("feature", config).network.range).toBe("10.50.0.0/16");
  });

  it.each(["arn:aws:sns:eu-central-1:123456789012:on-call", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:a_b"])(
    "send alarms to %s",
    (topicArn) => {
      expect(resolveSettings("dev", { stages: { dev: { alarms: { topicArn } } } }).alarms).toEqual({ topicArn });
    },
  );

  it("grow storage by a tenth, and no less", () => {
    const config = { stages: { dev: { database: { storageGb: 500, maxStorageGb: 550 } } } };
    expect(resolveSettings("dev", config).database.maxStorageGb).toBe(550);
    const still = { stages: { dev: { database: { storageGb: 500, maxStorageGb: 500 } } } };
    expect(resolveSettings("dev", still).database.maxStorageGb).toBe(500);
  });

  it.each(["t4g.micro", "m7g.large", "r8g.48xlarge", "x2iedn.xlarge"])("may have the class %s", (instanceClass) => {
    const config = { stages: { dev: { database: { instanceClass } } } };
    expect(resolveSettings("dev", config).database.instanceClass).toBe(instanceClass);
  });

  it.each(["postgres", "shop", "users"])("may name a database %s", (name) => {
    expect(resolveSettings("dev", { stages: { dev: { database: { name } } } }).database.name).toBe(name);
  });

  it.each([{ restoreSnapshot: "before" }, { adopt: "old" }])(
    "may name a database that is there in %j as it is called",
    (from) => {
      const network = { existing: existing(["subnet-a", "subnet-b"]) };
      const config = { stages: { dev: { network, database: { ...from, name: "user" } } } };
      expect(resolveSettings("dev", config).database.name).toBe("user");
    },
  );

  it("of its kind do nothing in a VPC that is there, and are not complained of", () => {
    const network = { existing: existing(["subnet-a", "subnet-b"]), nat: { instanceType: "t4g.micro" } };
    expect(resolveSettings("production", production({ network })).network.flowLogs).toBe(true);
    const withRange = { staging: { network }, dev: { network: { range: stageKinds.staging.network.range } } };
    expect(() => resolveSettings("dev", { stages: withRange })).not.toThrow();
    const otherStages = { network: { existing: existing(["subnet-a", "subnet-b"]), zones: 3 } };
    expect(() => resolveSettings("feature", { otherStages })).toThrow("feature: network.zones: does nothing");
  });

  it("reserve no concurrency where the account cannot", () => {
    const config = { stages: { dev: { health: { concurrency: "none" } } } };
    expect(resolveSettings("dev", config).health).toEqual({ ...stageKinds.other.health, concurrency: "none" });
  });

  it("takes a stage that is named like a property of every object for an ordinary one", () => {
    expect(resolveSettings("constructor", {}).protected).toBe(false);
  });

  it.each(["constructor", "prototype", "__proto__"])(
    "are refused for what is called %s, which would be lost",
    (name) => {
      const settings = JSON.parse(`{ "stages": { "${name}": { "nonsense": true } } }`) as unknown;
      expect(() => resolveSettings("dev", settings)).toThrow(`stages.${name}: `);
      const peers = JSON.parse(`{ "peers": { "${name}": "10.42.0.0/16" } }`) as unknown;
      expect(() => resolveSettings("dev", peers)).toThrow(`peers.${name}: `);
    },
  );

  it("show a value as it was written, also one that JSON does not have", () => {
    const circle: Record<string, unknown> = {};
    circle["itself"] = circle;
    const values: [value: unknown, shown: string][] = [
      [Number.NaN, "NaN"],
      [Infinity, "Infinity"],
      [10n, "10n"],
      [circle, "<ref *1> { itself: [Circular *1] }"],
    ];
    for (const [value, shown] of values) {
      const refused = () => resolveSettings("production", production({ database: { backupDays: value } }));
      expect(refused).toThrow(`stages.production.database.backupDays: ${shown}; expected a `);
    }
  });

  it.each<readonly [why: string, config: unknown, key: string]>([
    ["an unknown key", production({ databse: {} }), "stages.production.databse: there is no such setting"],
    [
      "an unknown key further down",
      production({ network: { nat: { size: 1 } } }),
      "stages.production.network.nat.size",
    ],
    ["a wrong type", production({ database: { backupDays: "30" } }), 'stages.production.database.backupDays: "30"'],
    ["too few zones", production({ network: { zones: 1 } }), "production: network.zones: 1; expected 2 or more"],
    ["a zone twice", production({ network: { zones: ["a", "a"] } }), "production: network.zones"],
    ["a public range", production({ network: { range: "52.0.0.0/16" } }), "stages.production.network.range"],
    [
      "the range of staging",
      production({ network: { range: "10.41.0.0/17" } }),
      "overlaps 10.41.0.0/16 of stage staging",
    ],
    ["the range of a peer", { peers: { office: "10.40.8.0/24" } }, "overlaps 10.40.8.0/24 of peer office"],
    ["SSH from nowhere", production({ network: { bastion: "ssh" } }), "production: network.sshFrom: empty"],
    ["SSH from everywhere", production({ network: { bastion: "ssh", sshFrom: ["0.0.0.0/0"] } }), "0.0.0.0/0: nobody"],
    [
      "SSH from half of everywhere",
      production({ network: { bastion: "ssh", sshFrom: ["0.0.0.0/1"] } }),
      "0.0.0.0/1: nobody knows everybody in it",
    ],
    [
      "SSH from a big provider",
      production({ network: { bastion: "ssh", sshFrom: ["203.0.0.0/15"] } }),
      "network.sshFrom: 203.0.0.0/15: nobody",
    ],
    [
      "SSH from many networks that are small enough alone",
      production({ network: { bastion: "ssh", sshFrom: ["203.0.0.0/16", "198.51.0.0/16", "192.0.2.1/32"] } }),
      "network.sshFrom: 131073 addresses together",
    ],
    [
      "Docker's range",
      production({ network: { range: "172.17.8.0/22" } }),
      "172.17.8.0/22 overlaps 172.17.0.0/16, which Docker",
    ],
    ...[
      ["range", { range: "10.50.0.0/16" }],
      ["zones", { zones: 3 }],
      ["flowLogs", { flowLogs: true }],
      ["nat.imageName", { nat: { imageName: "fck-nat-*" } }],
      ["nat.imageId", { nat: { imageId: "ami-1" } }],
      ["nat.instanceType", { bastion: "none", nat: { instanceType: "t4g.micro" } }],
      ["nat.renewZone", { bastion: "none", nat: { renewZone: 1 } }],
    ].map(
      ([key, network]) =>
        [
          `${key as string} in a VPC that is there`,
          production({ network: { existing: existing(["subnet-a", "subnet-b"]), ...(network as object) } }),
          `production: network.${key as string}: does nothing`,
        ] as const,
    ),
    [
      "a second bastion's renewal in a VPC that is there",
      production({ network: { existing: existing(["subnet-a", "subnet-b"]), nat: { renewZone: 2 } } }),
      "network.nat.renewZone: 2; expected 1, for the only bastion",
    ],
    [
      "an image by name beside its id",
      production({ network: { nat: { imageName: "fck-nat-*", imageId: "ami-1" } } }),
      "network.nat.imageName: does nothing: network.nat.imageId",
    ],
    [
      "a pool without a proxy",
      production({ proxy: { enabled: false, maxConnectionsPercent: 50 } }),
      "proxy.maxConnectionsPercent: does nothing",
    ],
    [
      "long runs without a way out",
      production({
        longRuns: true,
        network: { existing: { ...existing(["subnet-a", "subnet-b"]), isolated: true } },
      }),
      "production: longRuns: its images come from a public registry",
    ],
    [
      "an image that may change",
      production({ longRuns: { image: "public.ecr.aws/docker/library/node:24-slim" } }),
      'image: "public.ecr.aws/docker/library/node:24-slim"; expected a public image by digest',
    ],
    ["a word for long runs", production({ longRuns: "yes" }), 'longRuns: "yes"; expected true, false, or {'],
    ["null for a group", production({ database: null }), "stages.production.database: null; expected an object"],
    ["a number for a class", production({ database: { instanceClass: 4 } }), "instanceClass: 4; expected text"],
    [
      "one subnet for a list",
      production({ network: { existing: { vpcId: "vpc-1", privateSubnetIds: "subnet-a" } } }),
      'privateSubnetIds: "subnet-a"; expected a list',
    ],
    ["SSH ranges without SSH", production({ network: { sshFrom: ["203.0.113.0/24"] } }), "production: network.sshFrom"],
    ["a VPC without private subnets", production({ network: { existing: existing([]) } }), "0 private subnets"],
    [
      "the stage's own database, which it would delete",
      production({
        network: { existing: existing(["subnet-a", "subnet-b"]) },
        database: { adopt: "postern-production" },
      }),
      "production: database.adopt: postern-production is what this stage calls the instance that it makes itself",
    ],
    ["a database elsewhere", production({ database: { adopt: "old" } }), "production: database.adopt"],
    [
      "no proxy, but health through it",
      production({ proxy: { enabled: false }, health: { via: "proxy" } }),
      "health.via",
    ],
    [
      "a snapshot for what is there",
      production({ database: { adopt: "old", restoreSnapshot: "before" } }),
      "production: database.restoreSnapshot: there is nothing to restore",
    ],
    ["a name that PostgreSQL folds", production({ database: { name: "Shop" } }), "stages.production.database.name"],
    ...["rdsadmin", "template1", "select", "user", "catalog"].map(
      (name) =>
        [
          `the name ${name}, which RDS refuses`,
          production({ database: { name } }),
          `database.name: ${name}; RDS`,
        ] as const,
    ),
    ...["zz.zz", "db.t4g.micro", "t4g", "t4g.huge"].map(
      (instanceClass) =>
        [
          `${instanceClass}, which is no class`,
          production({ database: { instanceClass } }),
          `stages.production.database.instanceClass: "${instanceClass}"; expected a class`,
        ] as const,
    ),
    ["no proxy, but IAM for it", production({ proxy: { enabled: false, iamForApp: true } }), "proxy.iamForApp"],
    ["no proxy, but its log", production({ proxy: { enabled: false, debugLogging: true } }), "proxy.debugLogging"],
    ["unprotected data", production({ database: { deletionProtection: false } }), "database.deletionProtection"],
    ["a protected stage that logs no traffic", production({ network: { flowLogs: false } }), "network.flowLogs: false"],
    ["seeds before tables", production({ deployHook: { seedReference: true } }), "deployHook.seedReference"],
    ["less storage than it begins with", production({ database: { storageGb: 600 } }), "database.maxStorageGb"],
    [
      "growth that RDS refuses",
      production({ database: { storageGb: 500, maxStorageGb: 549 } }),
      "or a tenth above it, 550,",
    ],
    [
      "SSH from no address",
      production({ network: { bastion: "ssh", sshFrom: ["999.1.1.1/77"] } }),
      'stages.production.network.sshFrom.0: "999.1.1.1/77"; expected an IPv4 range',
    ],
    ["a peer with a prefix of 99", { peers: { office: "10.42.0.0/99" } }, "peers.office"],
    ["a peer with an octet of 300", { peers: { office: "300.42.0.0/8" } }, "peers.office"],
    ["a peer with bits after its prefix", { peers: { office: "10.90.1.0/16" } }, "peers.office"],
    ["half an ARN", production({ alarms: { topicArn: "arn:aws:sns:" } }), "stages.production.alarms.topicArn"],
    ["a stage in capitals", { stages: { PRODUCTION: {} } }, 'stages.PRODUCTION: "PRODUCTION"; no stage has this name'],
    [
      "the local stage",
      { stages: { local: {} } },
      'stages.local: "local"; this is the stage that `postern local` runs',
    ],
    ["no checks at all", production({ health: { concurrency: 0 } }), "stages.production.health.concurrency: 0"],
    ["a word for a number", production({ health: { concurrency: "all" } }), 'from 1 to 100, or "none"'],
    ["a stage that RDS refuses", { stages: { "a--b": {} } }, "no stage has this name"],
    ["a list", [], "postern.config.ts: []; expected an object"],
    ["a list of stages", { stages: [] }, "stages: []; expected an object"],
    [
      "a map of stages",
      { stages: new Map([["production", {}]]) },
      "stages: Map(1) { 'production' => {} }; expected an object",
    ],
    ["nothing", null, "postern.config.ts: null; expected an object"],
    [
      "a VPC without its subnets",
      production({ network: { existing: { vpcId: "vpc-1" } } }),
      "stages.production.network.existing.privateSubnetIds: is missing",
    ],
  ])("are refused for %s, with the key", (_why, config, key) => {
    expect(() => resolveSettings("production", config)).toThrow(key);
  });

  it.each(["Dev", "a--b", "a-", "1st", "x".repeat(32), "local", ""])("refuses the name %j", (stage) => {
    expect(() => resolveSettings(stage, {})).toThrow(/the name/);
  });

  it.each(["prod", "prod2", "live", "prd", "production-eu", "shop-prod", "pre-prod"])(
    "refuses %s, which sounds like production, until it is said whether it is protected",
    (stage) => {
      const refused = (config: object) => () => resolveSettings(stage, config);
      expect(refused({})).toThrow(`stages.${stage}.protected: is missing; ${stage} sounds like production`);
      expect(refused({ stages: { [stage]: { longRuns: true } } })).toThrow(
        `${JSON.stringify(stage)}: { protected: false }`,
      );
      expect(refused({ otherStages: { protected: false } })).toThrow("is missing");
      expect(resolveSettings(stage, { stages: { [stage]: { protected: false } } }).protected).toBe(false);
    },
  );

  it("takes what that refusal says to write for a protected stage", () => {
    let message = "";
    try {
      resolveSettings("prod", {});
    } catch (error) {
      message = String(error);
    }
    const [, network, database] =
      /protected: true, network: \{ (\w+): true \}, database: \{ ([^}]*) \}/.exec(message) ?? [];
    expect(network).toBe("flowLogs");
    const written = Object.fromEntries(
      (database ?? "").split(", ").map((line) => {
        const [key = "", value = ""] = line.split(": ");
        return [key, JSON.parse(value) as unknown];
      }),
    );
    const prod = { protected: true, network: { flowLogs: true }, database: written };
    expect(resolveSettings("prod", { stages: { prod } }).protected).toBe(true);
  });

  it.each(["product", "delivery", "alive", "reproduction"])("takes %s for what it is", (stage) => {
    expect(resolveSettings(stage, {}).protected).toBe(false);
  });

  it("says everything that is wrong at once", () => {
    const config = production({ database: { backupDays: 1, finalSnapshot: false }, network: { zones: 1 } });
    const refused = () => resolveSettings("production", config);
    for (const key of ["backupDays", "finalSnapshot", "zones"]) expect(refused).toThrow(key);
  });
});
