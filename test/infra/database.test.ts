import { describe, expect, it } from "vitest";
import { evaluate, evaluateWhole } from "../support/sst/evaluate.ts";
import { declaredInAws, input, named, ofType } from "./rules/rule.ts";
import { adopting, dev, everything, existing, existingVpcId, stage } from "./stages.ts";

/** Of a stage that was deployed before. */
const running = (database: object) => stage("running", { database });
/** A proxy for which nothing is as it is by itself. */
const withProxy = dev({
  proxy: {
    enabled: true,
    maxConnectionsPercent: 40,
    borrowTimeoutSeconds: 5,
    idleTimeoutSeconds: 60,
    debugLogging: true,
    iamForApp: true,
  },
});

describe("the database of a stage", () => {
  it("is what its settings say", async () => {
    const evaluation = await evaluateWhole(
      dev({ database: { version: "18", instanceClass: "m7g.large", storageGb: 50, maxStorageGb: 90, backupDays: 3 } }),
    );
    expect(named(evaluation, "DatabaseInstance").inputs).toMatchObject({
      identifier: "postern-dev",
      engineVersion: "18",
      instanceClass: "db.m7g.large",
      allocatedStorage: 50,
      maxAllocatedStorage: 90,
      backupRetentionPeriod: 3,
      dbName: "postern",
    });
    expect(named(evaluation, "DatabaseParameters").inputs).toMatchObject({
      namePrefix: "postern-dev-postgres18-",
      family: "postgres18",
    });
  });

  it("logs no statement, for values are in them, and keeps passwords as SCRAM", async () => {
    const evaluation = await evaluateWhole({ stage: "production" });
    const parameters = input(named(evaluation, "DatabaseParameters"), "parameters") as {
      name: string;
      value: string;
    }[];
    expect(Object.fromEntries(parameters.map(({ name, value }) => [name, value]))).toMatchObject({
      log_statement: "none",
      log_min_duration_statement: "-1",
      log_parameter_max_length_on_error: "0",
      password_encryption: "scram-sha-256",
    });
  });

  it("has nothing to change in a second deploy: what RDS has by itself is told as RDS tells it", async () => {
    const parameters = input(named(await evaluateWhole({ stage: "dev" }), "DatabaseParameters"), "parameters") as {
      name: string;
      value: string;
      applyMethod: string;
    }[];
    const ofRds: Record<string, string> = {
      "rds.force_ssl": "1",
      "rds.logical_replication": "0",
      password_encryption: "scram-sha-256",
      log_statement: "none",
      log_min_duration_statement: "-1",
      log_parameter_max_length_on_error: "0",
      log_autovacuum_min_duration: "10000",
    };
    const same = parameters.filter(({ name, value }) => ofRds[name] === value);
    expect(same.map(({ name }) => name).toSorted()).toEqual(Object.keys(ofRds).toSorted());
    expect(same.filter(({ applyMethod }) => applyMethod !== "pending-reboot")).toEqual([]);
  });

  it("has what gp3 needs from 400 GB on, below which RDS lets nobody name it", async () => {
    const storage = { storageType: "gp3", iops: 12_000, storageThroughput: 500 };
    const big = await evaluateWhole(dev({ database: { storageGb: 400, maxStorageGb: 800 } }));
    expect(named(big, "DatabaseInstance").inputs).toMatchObject(storage);
    const small = named(
      await evaluateWhole(dev({ database: { storageGb: 399, maxStorageGb: 800 } })),
      "DatabaseInstance",
    );
    expect(small.inputs).not.toHaveProperty("iops");
    expect(small.inputs).not.toHaveProperty("storageThroughput");
  });

  it("shows slow statements, and a certificate that the functions accept", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    expect(named(evaluation, "DatabaseInstance").inputs).toMatchObject({
      performanceInsightsEnabled: true,
      performanceInsightsRetentionPeriod: 7,
      caCertIdentifier: "rds-ca-rsa2048-g1",
    });
  });

  it("has a secret of each service role, by its name", async () => {
    const secrets = ofType(await evaluateWhole({ stage: "dev" }), "aws:secretsmanager/secret:Secret");
    expect(Object.fromEntries(secrets.map((secret) => [secret.name, input(secret, "name")]))).toEqual({
      DatabaseMigratorSecret: "postern/dev/migrator",
      DatabaseAppSecret: "postern/dev/app",
      DatabaseHealthSecret: "postern/dev/health",
    });
  });

  it("of a stage that is not protected can be removed and made again", async () => {
    const evaluation = await evaluateWhole(withProxy);
    const made = evaluation.resources.filter(({ name }) => name.startsWith("Database"));
    expect(made.filter(({ options }) => options.protect || options.retainOnDelete)).toEqual([]);
    expect(named(evaluation, "DatabaseInstance").inputs).toMatchObject({
      deletionProtection: false,
      skipFinalSnapshot: true,
    });
    expect(named(evaluation, "DatabaseAppSecret").inputs).toMatchObject({
      name: "postern/dev/app",
      recoveryWindowInDays: 0,
    });
  });

  it("stays with everything that belongs to it, but the proxy, when a protected stage is removed", async () => {
    const evaluation = await evaluateWhole({ stage: "production" });
    const going = evaluation.resources.filter(
      ({ name, options }) => name.startsWith("Database") && !options.retainOnDelete,
    );
    // The rules, without which nobody gets in, and the proxy, which holds no data.
    expect(going.map(({ name }) => name).filter((name) => !name.startsWith("DatabaseProxy"))).toEqual([
      "DatabaseFromBastionIn",
    ]);
  });

  it("has logs that end, made before RDS would make them without an end", async () => {
    const evaluation = await evaluateWhole({ stage: "production" });
    const dependencies = named(evaluation, "DatabaseInstance").options.dependsOn;
    expect(dependencies).toEqual(expect.arrayContaining(["DatabaseLog", "DatabaseUpgradeLog"]));
    expect(named(evaluation, "DatabaseLog").inputs).toMatchObject({
      name: "/aws/rds/instance/postern-production/postgresql",
      retentionInDays: 90,
    });
  });

  it("does without storage that grows where the maximum is what it has", async () => {
    const evaluation = await evaluateWhole(dev({ database: { storageGb: 40, maxStorageGb: 40 } }));
    expect(input(named(evaluation, "DatabaseInstance"), "maxAllocatedStorage")).toBeUndefined();
  });

  it("begins with a snapshot once, and takes the snapshot's database and master", async () => {
    const evaluation = await evaluateWhole(dev({ database: { restoreSnapshot: "before" } }));
    const { inputs, options } = named(evaluation, "DatabaseInstance");
    expect(inputs).toMatchObject({ snapshotIdentifier: "before", manageMasterUserPassword: true });
    expect(inputs).not.toHaveProperty("username");
    expect(inputs).not.toHaveProperty("dbName");
    // Taken out of the settings later, it must not make another instance.
    expect(options.ignoreChanges).toEqual(expect.arrayContaining(["snapshotIdentifier", "username", "dbName"]));
  });

  it("lets the bastion in, which can get out to it in a VPC that was there before, too", async () => {
    const own = await evaluateWhole({ stage: "dev" });
    const other = await evaluateWhole(dev({ network: { existing } }));
    expect(named(own, "DatabaseFromBastionIn").inputs).toMatchObject({ fromPort: 5432, toPort: 5432 });
    expect(own.resources.map(({ name }) => name)).not.toContain("DatabaseFromBastionOut");
    expect(named(other, "DatabaseFromBastionOut").inputs).toMatchObject({ securityGroupId: "NetworkBastion-id" });
  });
});

describe("what RDS does not offer", () => {
  it.each([
    [dev({ database: { version: "17.99" } }), "database.version: 17.99; RDS has no such version"],
    [dev({ database: { instanceClass: "m1.large" } }), "RDS does not offer it for PostgreSQL 17.10"],
    [
      dev({ database: { instanceClass: "m1.large", restoreSnapshot: "before" } }),
      "RDS does not offer it for PostgreSQL 17.6",
    ],
    [running({ version: "17.99" }), "database.version: 17.99; RDS has no such version"],
    [running({ instanceClass: "m1.large" }), "RDS does not offer it for PostgreSQL 17.6"],
  ])("is refused, before anything is declared: %j", async (options, problem) => {
    const evaluation = await evaluate(options);
    expect(evaluation.errors).toEqual([expect.stringContaining(problem)]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is not asked about what runs, which may be older than what RDS offers", async () => {
    const outdated = { database: { instanceClass: "m1.large", version: "17.1" } };
    const evaluation = await evaluateWhole(stage("outdated", outdated));
    expect(named(evaluation, "DatabaseInstance").inputs).toMatchObject({ instanceClass: "db.m1.large" });
  });
});

// Which version is refused, and which is kept: test/unit/infra/versions.test.ts.
describe("a database that runs PostgreSQL 17.6", () => {
  it("keeps its version where an older one is wanted", async () => {
    const { options, inputs } = named(await evaluateWhole(running({ version: "17.5" })), "DatabaseInstance");
    expect(options.ignoreChanges).toContain("engineVersion");
    expect(inputs).toMatchObject({ engineVersion: "17.5", allowMajorVersionUpgrade: false });
  });

  it("takes a newer minor version without the right to take a major one", async () => {
    const { options, inputs } = named(await evaluateWhole(running({ version: "17.10" })), "DatabaseInstance");
    expect(options.ignoreChanges).not.toContain("engineVersion");
    expect(inputs).toMatchObject({ engineVersion: "17.10", allowMajorVersionUpgrade: false });
  });

  it("is refused another major version, before anything is declared", async () => {
    const evaluation = await evaluate(running({ version: "18.1", upgradeFrom: "16" }));
    expect(evaluation.errors).toEqual([expect.stringContaining('set database.upgradeFrom to "17"')]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is refused a maximum that it has grown past, before anything is declared", async () => {
    const evaluation = await evaluate(running({ storageGb: 20, maxStorageGb: 50 }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining("database.maxStorageGb: 50, but it has grown to 60; expected a tenth above"),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it.each(["orders", "postern"])("is refused the name %s, where RDS made it with another one", async (name) => {
    const evaluation = await evaluate(running({ name }));
    expect(evaluation.errors).toEqual([expect.stringContaining(`database.name: ${name}, but RDS made it with shop`)]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("may name a database that came with its snapshot, beside the one that RDS knows", async () => {
    const evaluation = await evaluateWhole(running({ name: "orders", restoreSnapshot: "before" }));
    const variables = input(named(evaluation, "RunnerFunction"), "environment", "variables");
    expect(variables).toMatchObject({ POSTERN_DATABASE_NAME: "orders" });
    await expect(evaluateWhole(running({ name: "shop" }))).resolves.toBeDefined();
  });

  it("is refused less storage than it has grown to, before anything is declared", async () => {
    const evaluation = await evaluate(running({ storageGb: 20, maxStorageGb: 20 }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining(
        "database.storageGb: 20, which maxStorageGb does not let grow, but it has 60; expected 60",
      ),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is fine when it has grown to its maximum", async () => {
    await expect(evaluateWhole(running({ storageGb: 20, maxStorageGb: 60 }))).resolves.toBeDefined();
  });

  it("is upgraded with the parameters of the next major version where the settings say what it leaves", async () => {
    const evaluation = await evaluateWhole(running({ version: "18.1", upgradeFrom: "17" }));
    const { inputs, options } = named(evaluation, "DatabaseInstance");
    expect(inputs).toMatchObject({ engineVersion: "18.1", allowMajorVersionUpgrade: true });
    expect(options.ignoreChanges).not.toContain("engineVersion");
    expect(named(evaluation, "DatabaseParameters").inputs).toMatchObject({ family: "postgres18" });
  });
});

// What else is refused: test/unit/infra/adoption-problems.test.ts.
describe("an adopted instance", () => {
  it("is used as it is: nothing is made but a way in and the secrets", async () => {
    const evaluation = await evaluateWhole(dev({ network: { existing }, database: { adopt: "fine" } }));
    expect(ofType(evaluation, "aws:rds/instance:Instance")).toEqual([]);
    expect(ofType(evaluation, "aws:secretsmanager/secret:Secret")).toHaveLength(3);
    expect(named(evaluation, "DatabaseFromBastionIn").inputs).toMatchObject({
      securityGroupId: "sg-adopted",
      fromPort: 5433,
    });
  });

  it("gets a proxy where the stage wants one", async () => {
    const evaluation = await evaluateWhole(adopting("fine"));
    expect(input(named(evaluation, "DatabaseProxyTarget"), "dbInstanceIdentifier")).toBe("fine");
  });

  it.each([
    ["elsewhere", `it is in vpc-elsewhere; expected ${existingVpcId}`],
    ["classic", "it is in no VPC"],
    ["gone", "there is no such instance in this region, or it could not be looked up"],
  ])("that the stage cannot reach (%s) is refused, before anything is declared", async (identifier, problem) => {
    const evaluation = await evaluate(adopting(identifier));
    expect(evaluation.errors).toEqual([expect.stringContaining(`database.adopt: ${identifier}:`)]);
    expect(evaluation.errors[0]).toContain(problem);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is refused where the stage has made one of its own, which the deploy would delete", async () => {
    const evaluation = await evaluate(stage("running", { network: { existing }, database: { adopt: "fine" } }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining("database.adopt: fine, but the stage has an instance of its own, postern-running"),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is refused together with the subnets that the stage could not use", async () => {
    const subnets = { vpcId: existingVpcId, privateSubnetIds: ["subnet-private-a", "subnet-public-b"] };
    const evaluation = await evaluate(dev({ network: { existing: subnets }, database: { adopt: "mysql" } }));
    expect(evaluation.errors).toEqual([expect.stringMatching(/subnet-public-b is public.*database\.adopt: mysql/)]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("lets the parts in through the first of its groups by id, in whatever order RDS gives them", async () => {
    const evaluation = await evaluateWhole(adopting("two-groups"));
    expect(input(named(evaluation, "DatabaseFromBastionIn"), "securityGroupId")).toBe("sg-a");
  });

  it("without a database that RDS knows of takes the one that is named", async () => {
    const evaluation = await evaluateWhole(
      dev({ network: { existing }, database: { adopt: "nameless", name: "shop" } }),
    );
    const variables = input(named(evaluation, "RunnerFunction"), "environment", "variables");
    expect(variables).toMatchObject({ POSTERN_DATABASE_NAME: "shop" });
  });
});

describe("the proxy", () => {
  it("of a protected stage goes when it is turned off, so that its names are free when it is turned on again", async () => {
    const evaluation = await evaluateWhole({ stage: "production" });
    const made = evaluation.resources.filter(({ name }) => name.startsWith("DatabaseProxy"));
    expect(made.map(({ name }) => name)).toEqual(expect.arrayContaining(["DatabaseProxy", "DatabaseProxyLog"]));
    expect(made.filter(({ options }) => options.protect || options.retainOnDelete)).toEqual([]);
  });

  it("is deleted before another one takes its fixed name, as when a zone is added", async () => {
    const { options } = named(await evaluateWhole({ stage: "production" }), "DatabaseProxy");
    expect(options.deleteBeforeReplace).toBe(true);
  });

  it("lets nothing connect through it before its rules lead to the instance", async () => {
    const { resources } = await evaluateWhole(everything("production"));
    const waiting = resources.filter(({ options }) => options.dependsOn.includes("DatabaseProxyTarget"));
    expect(waiting).not.toEqual([]);
    for (const { options } of waiting) {
      expect(options.dependsOn).toEqual(
        expect.arrayContaining(["DatabaseProxyToInstanceIn", "DatabaseProxyToInstanceOut"]),
      );
    }
  });

  it("is not there unless the stage wants it", async () => {
    expect(ofType(await evaluateWhole({ stage: "dev" }), "aws:rds/proxy:Proxy")).toEqual([]);
  });

  it("has the pool, the limits and the log of its settings", async () => {
    const evaluation = await evaluateWhole(withProxy);
    expect(named(evaluation, "DatabaseProxy").inputs).toMatchObject({
      name: "postern-dev",
      idleClientTimeout: 60,
      debugLogging: true,
    });
    expect(input(named(evaluation, "DatabaseProxyPool"), "connectionPoolConfig")).toEqual({
      maxConnectionsPercent: 40,
      // What the provider takes when nothing is said, 50, is more than RDS lets a pool of 40 have.
      maxIdleConnectionsPercent: 40,
      connectionBorrowTimeout: 5,
    });
    expect(named(evaluation, "DatabaseProxyLog").inputs).toMatchObject({ name: "/aws/rds/proxy/postern-dev" });
  });

  it("takes passwords as SCRAM only", async () => {
    const auths = input(named(await evaluateWhole({ stage: "production" }), "DatabaseProxy"), "auths") as object[];
    expect(auths).toEqual(
      auths.map(() => expect.objectContaining({ clientPasswordAuthType: "POSTGRES_SCRAM_SHA_256" })),
    );
  });

  it("wants IAM of applications when it is asked to, never of health, which has its secret", async () => {
    const evaluation = await evaluateWhole(withProxy);
    const auths = input(named(evaluation, "DatabaseProxy"), "auths");
    expect(auths).toMatchObject([{ iamAuth: "REQUIRED" }, { iamAuth: "DISABLED" }]);
  });

  it("comes after the instance and the secrets, and its target after it", async () => {
    const evaluation = await evaluateWhole({ stage: "production" });
    expect(named(evaluation, "DatabaseProxy").options.dependsOn).toEqual(
      expect.arrayContaining(["DatabaseInstance", "DatabaseAppSecret", "DatabaseHealthSecret", "DatabaseProxyPolicy"]),
    );
    expect(named(evaluation, "DatabaseProxyTarget").options.dependsOn).toEqual(
      expect.arrayContaining(["DatabaseProxy", "DatabaseProxyPool"]),
    );
  });
});
