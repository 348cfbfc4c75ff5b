import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";
import { type GroupRule, groupRules, idOf } from "./group-rules.ts";
import { input, ofType, type Rule, withInputs } from "./rule.ts";

export const instanceType = "aws:rds/instance:Instance";

type Check = (instance: RecordedResource) => boolean;

/** What every RDS instance has to be. */
function instances(isFine: Check, problem: string): Rule["violations"] {
  return (evaluation) =>
    ofType(evaluation, instanceType)
      .filter((instance) => !isFine(instance))
      .map(({ name }) => `${name}: ${problem}`);
}

function breakInstance(inputs: Record<string, unknown>): NonNullable<Rule["breaks"]> {
  return (ours) => withInputs(ours, instanceType, inputs);
}

function has(key: string, value: unknown): Check {
  return (instance) => input(instance, key) === value;
}

function parameter(name: string, value: string): Rule["violations"] {
  return (evaluation) =>
    ofType(evaluation, "aws:rds/parameterGroup:ParameterGroup")
      .filter((group) => {
        const parameters = input(group, "parameters") as readonly { name: string; value: string }[] | undefined;
        return parameters?.find((one) => one.name === name)?.value !== value;
      })
      .map((group) => `${group.name}: ${name} is not ${value}`);
}

/** Ids of subnets whose route table leads to an internet gateway. */
function publicSubnets(evaluation: Evaluation): unknown[] {
  const tables = new Set<string>(
    ofType(evaluation, "aws:ec2/routeTable:RouteTable")
      .filter((table) =>
        ((input(table, "routes") ?? []) as Record<string, unknown>[]).some((route) => route["gatewayId"]),
      )
      .map(({ name }) => `${name}-id`),
  );
  return ofType(evaluation, "aws:ec2/routeTableAssociation:RouteTableAssociation")
    .filter((association) => tables.has(String(input(association, "routeTableId"))))
    .map((association) => input(association, "subnetId"));
}

export const databaseRules: readonly Rule[] = [
  {
    id: "database-private",
    title: "The database says that it is not publicly accessible",
    securityHub: ["RDS.2"],
    violations: instances(has("publiclyAccessible", false), "does not say that it is private"),
  },
  {
    id: "database-private-subnets",
    title: "No subnet of the database leads to an internet gateway",
    securityHub: ["RDS.46"],
    violations: (evaluation) => {
      const open = publicSubnets(evaluation);
      return ofType(evaluation, "aws:rds/subnetGroup:SubnetGroup").flatMap((group) =>
        ((input(group, "subnetIds") ?? []) as unknown[])
          .filter((id) => open.includes(id))
          .map((id) => `${group.name}: ${String(id)} is public`),
      );
    },
    breaks: (ours) => withInputs(ours, "aws:rds/subnetGroup:SubnetGroup", { subnetIds: ["NetworkPublicSubnet1-id"] }),
  },
  {
    id: "database-ingress-named",
    title: "The database and its proxy are reached only from named groups, on port 5432, through groups of their own",
    securityHub: ["EC2.18", "EC2.19"],
    violations: findWideIngress,
  },
  {
    id: "database-encrypted",
    title: "The database's storage is encrypted",
    securityHub: ["RDS.3"],
    violations: instances(has("storageEncrypted", true), "its storage is not encrypted"),
    breaks: breakInstance({ storageEncrypted: false }),
  },
  {
    id: "database-tls",
    title: "The database refuses connections without TLS",
    securityHub: ["RDS.38"],
    violations: parameter("rds.force_ssl", "1"),
  },
  {
    id: "database-no-logical-replication",
    title: "Nobody can read the database's log of changes",
    securityHub: [],
    violations: parameter("rds.logical_replication", "0"),
  },
  {
    id: "database-iam",
    title: "People can log in with IAM",
    securityHub: ["RDS.10"],
    violations: instances(has("iamDatabaseAuthenticationEnabled", true), "IAM authentication is off"),
  },
  {
    id: "database-master-name",
    title: "The master has a name of its own",
    securityHub: ["RDS.25"],
    violations: instances(
      (instance) => !["postgres", "admin"].includes(String(input(instance, "username"))),
      "its master has the name that is tried first",
    ),
  },
  {
    id: "database-master-password",
    title: "RDS makes the master's password; none is in the state",
    securityHub: [],
    violations: instances(
      (instance) => input(instance, "manageMasterUserPassword") === true && input(instance, "password") === undefined,
      "its master password is in the state",
    ),
  },
  {
    id: "database-logs",
    title: "The database writes its logs to CloudWatch",
    securityHub: ["RDS.9", "RDS.36"],
    violations: instances((instance) => {
      const exports = (input(instance, "enabledCloudwatchLogsExports") ?? []) as unknown[];
      return ["postgresql", "upgrade", "iam-db-auth-error"].every((log) => exports.includes(log));
    }, "its logs stay where nobody looks"),
  },
  {
    id: "database-monitoring",
    title: "A protected database reports what its operating system does",
    securityHub: ["RDS.6"],
    protectedOnly: true,
    violations: instances(
      (instance) =>
        Number(input(instance, "monitoringInterval") ?? 0) > 0 && input(instance, "monitoringRoleArn") !== undefined,
      "no enhanced monitoring",
    ),
  },
  {
    id: "database-minor-versions",
    title: "Minor versions come by themselves, major ones do not",
    securityHub: ["RDS.13"],
    violations: instances(
      (instance) => has("autoMinorVersionUpgrade", true)(instance) && has("allowMajorVersionUpgrade", false)(instance),
      "minor versions do not come by themselves, or major ones do",
    ),
  },
];

const listeners = [
  instanceType,
  "aws:rds/cluster:Cluster",
  "aws:rds/proxy:Proxy",
  "aws:rds/proxyEndpoint:ProxyEndpoint",
];

/** Groups are told by their ids; one that is not a group of ours (the VPC's default one) lets in whom nobody named. */
function findWideIngress(evaluation: Evaluation): string[] {
  const groups = new Set<unknown>(ofType(evaluation, "aws:ec2/securityGroup:SecurityGroup").map(idOf));
  const used = listeners
    .flatMap((type) => ofType(evaluation, type))
    .flatMap((listener) =>
      ((input(listener, "vpcSecurityGroupIds") ?? [undefined]) as unknown[]).map((id) => ({ listener, id })),
    );
  const unknown = used
    .filter(({ id }) => !groups.has(id))
    .map(({ listener, id }) => `${listener.name}: in ${String(id)}, no group of its own`);
  const ids = new Set<unknown>(used.map(({ id }) => id));
  const isNamed = ({ groupId, protocol, fromPort, toPort, ranges, prefixLists, groups: from }: GroupRule) =>
    protocol === "tcp" &&
    fromPort === 5432 &&
    toPort === 5432 &&
    ranges.length + prefixLists.length === 0 &&
    from.length === 1 &&
    from.every((id) => groups.has(id) && id !== groupId);
  const wide = groupRules(evaluation)
    .filter((rule) => rule.direction === "in" && ids.has(rule.groupId) && !isNamed(rule))
    .map(({ where }) => `${where}: wider than one group on port 5432`);
  return [...unknown, ...wide];
}
