import { describe, expect, it } from "vitest";
import { parseDeployEvent } from "#lib/migrate/events.ts";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation } from "../support/sst/recorded.ts";
import { input, ofType } from "./rules/rule.ts";
import { everything } from "./stages.ts";

const hash = expect.stringMatching(/^[0-9a-f]{64}$/) as string;

function invocations(evaluation: Evaluation) {
  return ofType(evaluation, "aws:lambda/invocation:Invocation").map((invocation) => ({
    name: invocation.name,
    event: parseDeployEvent(JSON.parse(String(input(invocation, "input")))),
    triggers: input(invocation, "triggers"),
    after: invocation.options.dependsOn,
  }));
}

/** Everything that is made before a resource, by logical name. */
function closureOf({ resources }: Evaluation, name: string): Set<string> {
  const found = new Set<string>();
  const visit = (one: string) => {
    for (const { options } of resources.filter((resource) => resource.name === one)) {
      for (const next of options.dependsOn.filter((before) => !found.has(before))) {
        found.add(next);
        visit(next);
      }
    }
  };
  visit(name);
  return found;
}

describe("what a deploy asks of the runner", () => {
  it("is setup, with each bundle and database once", async () => {
    const [setup, ...others] = invocations(await evaluateWhole({ stage: "dev" }));
    expect(others).toEqual([]);
    expect(setup).toMatchObject({
      event: { action: "deploy", requestedBy: "deploy" },
      triggers: { bundle: hash, database: "db-MOCK" },
    });
    expect(setup?.event).not.toHaveProperty("migrate");
    expect(setup?.after).toContain("RunnerFunction");
  });

  it("is the migrations and the reference seeds, after setup, where the stage wants them", async () => {
    const found = invocations(await evaluateWhole(everything("dev")));
    expect(found.map(({ name }) => name)).toEqual(["DeployHookSetup", "DeployHookMigrate"]);
    expect(found[1]?.event).toMatchObject({ migrate: true, seed: "reference", migrationsHash: hash, seedsHash: hash });
    expect(found[1]?.after).toContain("DeployHookSetup");
  });

  it("waits for the runner's rights and its way to the database", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    const runner = evaluation.resources.find(({ name }) => name === "RunnerFunction");
    expect(runner?.options.dependsOn).toEqual(
      expect.arrayContaining(["RunnerPolicy", "RunnerDatabaseIn", "RunnerDatabaseOut", "RunnerHttps"]),
    );
  });

  it("waits for the database and for the secrets that setup fills", async () => {
    const before = closureOf(await evaluateWhole({ stage: "dev" }), "DeployHookSetup");
    const needed = ["DatabaseInstance", "DatabaseMigratorSecret", "DatabaseAppSecret", "DatabaseHealthSecret"];
    expect(needed.filter((name) => !before.has(name))).toEqual([]);
    const [setup] = invocations(await evaluateWhole({ stage: "dev" }));
    expect(setup?.after).toContain("DatabaseInstance");
  });

  it("waits for the way out of the private subnets, by which the runner reads its secrets", async () => {
    const evaluation = await evaluateWhole(everything("dev"));
    const wayOut = [1, 2].flatMap((zone) => [
      `NetworkPrivateRouteTable${zone}`,
      `NetworkPrivateRouteTableAssociation${zone}`,
      `NetworkPublicRouteTable${zone}`,
      `NetworkPublicRouteTableAssociation${zone}`,
      `NetworkNatInstance${zone}`,
      `NetworkNatInstanceEipAssociation${zone}`,
    ]);
    for (const name of ["DeployHookSetup", "DeployHookMigrate"]) {
      const before = closureOf(evaluation, name);
      expect([...wayOut, "NetworkInternetGateway"].filter((needed) => !before.has(needed))).toEqual([]);
    }
  });

  it("is the same the next time, in sst dev too, and holds no secret", async () => {
    const one = await evaluateWhole({ stage: "dev" });
    const other = await evaluateWhole({ stage: "dev", dev: true });
    expect(invocations(other)).toEqual(invocations(one));
    const secrets = ofType(one, "aws:lambda/invocation:Invocation").flatMap(({ secretInputs }) => secretInputs);
    expect(secrets).toEqual([]);
  });
});
