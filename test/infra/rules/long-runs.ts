import type { Evaluation } from "../../support/sst/recorded.ts";
import { functionEnv } from "#lib/contract.ts";
import { input, isPrivateSubnet, ofType, type Rule, withInputs } from "./rule.ts";
import { findSecrets, knownSecrets } from "./secret-values.ts";
import { texts } from "./statements.ts";

type Container = {
  readonly where: string;
  readonly readonlyRootFilesystem?: boolean;
  readonly privileged?: boolean;
  readonly logConfiguration?: unknown;
  readonly essential?: boolean;
  readonly user?: string;
  readonly environment?: readonly { readonly name: string; readonly value: string }[];
};

function containers(evaluation: Evaluation): Container[] {
  return ofType(evaluation, "aws:ecs/taskDefinition:TaskDefinition").flatMap((task) =>
    (JSON.parse(String(input(task, "containerDefinitions"))) as Omit<Container, "where">[]).map((container) =>
      Object.assign(container, { where: task.name }),
    ),
  );
}

function isTold(name: string): boolean {
  return name === "TMPDIR" || Object.values<string>(functionEnv).includes(name);
}

/** Where the command line starts tasks, as the manifest says. */
function placeOfTasks(evaluation: Evaluation): { readonly subnets: readonly string[]; readonly securityGroup: string } {
  const manifest = ofType(evaluation, "aws:ssm/parameter:Parameter").find(({ name }) => name === "ManifestParameter");
  const value = manifest === undefined ? "{}" : String(input(manifest, "value"));
  const { longRuns } = JSON.parse(value) as { longRuns?: { subnets: string[]; securityGroup: string } };
  return longRuns ?? { subnets: [], securityGroup: "" };
}

/** Long runs are off by default, so that these hold of a stage that has them. */
export const longRunRules: readonly Rule[] = [
  {
    id: "long-runs-container",
    title: "A task's containers write to one folder, are not privileged, and log; what runs there is not root",
    securityHub: ["ECS.4", "ECS.5", "ECS.9", "ECS.20"],
    violations: (evaluation) =>
      containers(evaluation).flatMap(
        ({ where, readonlyRootFilesystem, privileged, logConfiguration, essential, user }) => {
          const problems: string[] = [];
          if (readonlyRootFilesystem !== true) problems.push(`${where}: its root can be written to`);
          if (privileged === true) problems.push(`${where}: is privileged`);
          if (logConfiguration === undefined) problems.push(`${where}: does not log`);
          if (essential === true && user !== "1000") problems.push(`${where}: runs as root`);
          return problems;
        },
      ),
  },
  {
    id: "long-runs-network",
    title: "A task has a network interface of its own, not the host's",
    securityHub: ["ECS.3", "ECS.17"],
    breaks: (ours) => withInputs(ours, "aws:ecs/taskDefinition:TaskDefinition", { networkMode: "host" }),
    violations: (evaluation) =>
      ofType(evaluation, "aws:ecs/taskDefinition:TaskDefinition")
        .filter((task) => input(task, "networkMode") !== "awsvpc" || input(task, "pidMode") !== undefined)
        .map(({ name }) => `${name}: shares the host's`),
  },
  {
    id: "long-runs-apart",
    title: "A task runs in private subnets of two zones or more, in a security group of its own",
    securityHub: [],
    vanillaOpen: true,
    breaks: (ours) =>
      withInputs(ours, "aws:ssm/parameter:Parameter", {
        value: JSON.stringify({ longRuns: { subnets: ["NetworkPublicSubnet1-id"], securityGroup: "Runner-id" } }),
      }),
    violations: (evaluation) =>
      ofType(evaluation, "aws:ecs/taskDefinition:TaskDefinition").flatMap(({ name }) => {
        const { subnets, securityGroup } = placeOfTasks(evaluation);
        const functions = ofType(evaluation, "aws:lambda/function:Function");
        const others = functions.flatMap((lambda) => texts(input(lambda, "vpcConfig", "securityGroupIds")));
        const problems: string[] = [];
        if (new Set(subnets).size < 2 || !subnets.every((subnet) => isPrivateSubnet(subnet)))
          problems.push(`${name}: is started in the subnets ${subnets.join()}`);
        if (securityGroup === "" || others.includes(securityGroup)) problems.push(`${name}: shares its group`);
        return problems;
      }),
  },
  {
    id: "long-runs-environment",
    title: "A container is told what the contract names and where to write, and no secret",
    securityHub: ["ECS.8"],
    violations: (evaluation) => {
      const known = knownSecrets(evaluation);
      return [
        ...containers(evaluation).flatMap(({ where, environment = [] }) =>
          environment
            .filter(({ name, value }) => !isTold(name) || findSecrets({ [name]: value }, known).length > 0)
            .map(({ name }) => `${where}: has ${name}`),
        ),
        ...ofType(evaluation, "aws:ecs/taskDefinition:TaskDefinition").flatMap(({ name, secretInputs }) =>
          secretInputs.map((path) => `${name}: ${path} is a secret`),
        ),
      ];
    },
  },
];
