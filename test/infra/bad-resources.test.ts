import { describe, expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation } from "../support/sst/recorded.ts";
import { rules } from "./rules/all.ts";
import { withInputs, withResource } from "./rules/rule.ts";
import { everything } from "./stages.ts";

/** A kind of stage that has a proxy. */
const stage = everything("staging");
const secretArn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret";
const older = "aws:ec2/securityGroupRule:SecurityGroupRule";
const newer = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
const onPort = { securityGroupId: "DatabaseGroup-id", fromPort: 5432, toPort: 5432 };
const bucket = "aws:s3/bucket:Bucket";
const natGroup = "NetworkNatInstanceSecurityGroup";

type Break = (ours: Evaluation) => Evaluation;

function add(type: string, inputs: Record<string, unknown>, more?: Parameters<typeof withResource>[3]): Break {
  return (ours) => withResource(ours, type, inputs, more);
}

function change(type: string, inputs: Record<string, unknown>): Break {
  return (ours) => withInputs(ours, type, inputs);
}

/** Inputs of one resource in the place of what it has. */
function changeOne(name: string, inputs: Record<string, unknown>): Break {
  return (ours) => ({
    ...ours,
    resources: ours.resources.map((one) =>
      one.name === name && one.isCustom ? { ...one, inputs: { ...one.inputs, ...inputs } } : one,
    ),
  });
}

function show(name: string, value: unknown): Break {
  return (ours) => ({ ...ours, outputs: { ...ours.outputs, [name]: { value, isSecret: false } } });
}

function allow(statement: Record<string, unknown>): string {
  return JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...statement }] });
}

/** SSH to the NAT instances, from a range. */
function sshFrom(...cidrBlocks: string[]): Break {
  const line = { protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks };
  return changeOne(natGroup, { ingress: [line] });
}

function environmentWith(variables: Record<string, string>): Break {
  return changeOne("HealthFunction", { environment: { variables } });
}

/** A seeds bucket whose resources are as they are, but one. */
const lifecycle = (rule: object) => changeOne("LongRunSeedsLifecycle", { rules: [rule] });
const seedsPolicy = (statement: object) =>
  changeOne("LongRunSeedsPolicy", {
    policy: JSON.stringify({
      Statement: [
        {
          Effect: "Deny",
          Principal: "*",
          Action: "s3:*",
          Resource: ["arn:aws:s3:eu-central-1:123456789012:LongRunSeeds"],
          Condition: { Bool: { "aws:SecureTransport": "false" } },
          ...statement,
        },
      ],
    }),
  });
const topicPolicy = (statement: object) =>
  changeOne("AlarmTopicPolicy", {
    policy: allow({ Principal: { Service: "cloudwatch.amazonaws.com" }, Action: "sns:Publish", ...statement }),
  });

/** What somebody might add one day, by the rule that has to find it. */
const bad: readonly (readonly [rule: string, what: string, breakIt: Break])[] = [
  [
    "network-no-public-ingress",
    "half of the internet",
    changeOne("DatabaseGroup", { ingress: [{ cidrBlocks: ["0.0.0.0/1"] }] }),
  ],
  [
    "network-no-public-ingress",
    "everybody, in an older rule",
    add(older, { type: "ingress", cidrBlocks: ["0.0.0.0/0"], ...onPort }),
  ],
  [
    "network-no-public-ingress",
    "everybody with IPv6, in an older rule",
    add(older, { type: "ingress", ipv6CidrBlocks: ["::/0"], ...onPort }),
  ],
  ["network-no-public-ingress", "everybody with IPv6, in a newer rule", add(newer, { cidrIpv6: "::/0", ...onPort })],
  [
    "network-no-public-ingress",
    "a list of ranges that is kept elsewhere",
    add(newer, { prefixListId: "pl-1", ...onPort }),
  ],
  ["network-no-public-ingress", "SSH from everybody", sshFrom("0.0.0.0/0")],
  ["network-no-public-ingress", "SSH from everybody beside somebody", sshFrom("203.0.113.7/32", "0.0.0.0/0")],
  ["network-no-public-ingress", "SSH from half of the internet", sshFrom("128.0.0.0/1")],
  ["network-no-public-ingress", "SSH from more than a /16", sshFrom("203.0.0.0/15")],
  [
    "network-no-public-ingress",
    "SSH from everybody with IPv6",
    changeOne(natGroup, { ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, ipv6CidrBlocks: ["::/0"] }] }),
  ],
  [
    "network-no-public-ingress",
    "another port of the NAT instances, from somebody",
    changeOne(natGroup, { ingress: [{ protocol: "tcp", fromPort: 22, toPort: 80, cidrBlocks: ["203.0.113.7/32"] }] }),
  ],
  [
    "network-no-public-ingress",
    "SSH to anything else, from somebody",
    changeOne("DatabaseGroup", {
      ingress: [{ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["203.0.113.7/32"] }],
    }),
  ],
  [
    "network-default-group-empty",
    "an older rule of the default group",
    add(older, { type: "ingress", securityGroupId: "NetworkSecurityGroup-id", self: true }),
  ],
  [
    "network-default-group-empty",
    "a newer rule of the default group",
    add("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", {
      securityGroupId: "NetworkSecurityGroup-id",
      cidrIpv4: "10.0.0.0/8",
    }),
  ],
  [
    "network-no-ssh-keys",
    "an instance with a key that is there already",
    changeOne("NetworkNatInstance1", { keyName: "of-somebody" }),
  ],
  [
    "database-ingress-named",
    "an older rule for a range",
    add(older, { type: "ingress", protocol: "tcp", cidrBlocks: ["10.42.0.0/16"], ...onPort }),
  ],
  [
    "database-ingress-named",
    "an older rule for the group itself",
    add(older, { type: "ingress", protocol: "tcp", self: true, ...onPort }),
  ],
  [
    "database-ingress-named",
    "an older rule for every port",
    add(older, { type: "ingress", protocol: "tcp", sourceSecurityGroupId: "Health-id", ...onPort, fromPort: 0 }),
  ],
  [
    "database-ingress-named",
    "every protocol, which ignores the ports",
    add(newer, { ipProtocol: "-1", referencedSecurityGroupId: "Health-id", ...onPort }),
  ],
  [
    "database-ingress-named",
    "the VPC's default group",
    add(newer, { ipProtocol: "tcp", referencedSecurityGroupId: "NetworkSecurityGroup-id", ...onPort }),
  ],
  [
    "database-ingress-named",
    "a range inside of the group",
    changeOne("DatabaseGroup", {
      ingress: [{ protocol: "tcp", fromPort: 5432, toPort: 5432, cidrBlocks: ["10.42.0.0/16"] }],
    }),
  ],
  [
    "database-ingress-named",
    "an endpoint of the proxy in the default group",
    add("aws:rds/proxyEndpoint:ProxyEndpoint", { vpcSecurityGroupIds: ["NetworkSecurityGroup-id"] }),
  ],
  ["buckets-private", "a bucket of another part", add(bucket, {}, { name: "NetworkLogs" })],
  ["buckets-versioned", "a bucket of another part", add(bucket, {}, { name: "NetworkLogs" })],
  ["buckets-encrypted", "a bucket of another part", add(bucket, {}, { name: "NetworkLogs" })],
  ["buckets-private", "a bucket of the older kind", add("aws:s3/bucketV2:BucketV2", {}, { name: "NetworkLogs" })],
  [
    "buckets-private",
    "objects that belong to who has put them",
    changeOne("LongRunSeedsOwnership", { rule: { objectOwnership: "ObjectWriter" } }),
  ],
  [
    "buckets-private",
    "policies that may make it public",
    changeOne("LongRunSeedsNotPublic", { restrictPublicBuckets: false }),
  ],
  ["buckets-encrypted", "an encryption without a rule", changeOne("LongRunSeedsEncryption", { rules: [] })],
  [
    "buckets-encrypted",
    "an encryption that names no algorithm",
    changeOne("LongRunSeedsEncryption", { rules: [{ bucketKeyEnabled: true }] }),
  ],
  [
    "buckets-encrypted",
    "an encryption of another bucket",
    changeOne("LongRunSeedsEncryption", { bucket: "LongRunCode-id" }),
  ],
  ["buckets-encrypted", "TLS for the bucket and not for its objects", seedsPolicy({})],
  [
    "buckets-encrypted",
    "TLS for reading only",
    seedsPolicy({
      Action: "s3:GetObject",
      Resource: [
        "arn:aws:s3:eu-central-1:123456789012:LongRunSeeds",
        "arn:aws:s3:eu-central-1:123456789012:LongRunSeeds/*",
      ],
    }),
  ],
  [
    "buckets-versioned",
    "versions that are suspended",
    changeOne("LongRunSeedsVersions", { versioningConfiguration: { status: "Suspended" } }),
  ],
  ["buckets-versioned", "no end of old versions", lifecycle({ status: "Enabled", filter: {} })],
  [
    "buckets-versioned",
    "an end that is switched off",
    lifecycle({ status: "Disabled", filter: {}, noncurrentVersionExpiration: { noncurrentDays: 30 } }),
  ],
  [
    "buckets-versioned",
    "an end of some of them",
    lifecycle({ status: "Enabled", filter: { prefix: "logs/" }, noncurrentVersionExpiration: { noncurrentDays: 30 } }),
  ],
  [
    "roles-no-wildcard-actions",
    "a policy for any role",
    add("aws:iam/policy:Policy", { policy: allow({ Action: "s3:*", Resource: "arn:aws:s3:::one/*" }) }),
  ],
  [
    "roles-no-wildcard-actions",
    "everything but something",
    add("aws:iam/policy:Policy", { policy: allow({ NotAction: "iam:*", Resource: "arn:aws:s3:::one" }) }),
  ],
  [
    "roles-name-resources",
    "a policy for any role",
    add("aws:iam/policy:Policy", { policy: allow({ Action: "s3:GetObject", Resource: "*" }) }),
  ],
  [
    "roles-name-resources",
    "every secret",
    add("aws:iam/rolePolicy:RolePolicy", {
      policy: allow({ Action: "secretsmanager:GetSecretValue", Resource: `${secretArn}:*` }),
    }),
  ],
  [
    "roles-name-resources",
    "every bucket",
    add("aws:iam/rolePolicy:RolePolicy", { policy: allow({ Action: "s3:GetObject", Resource: "arn:aws:s3:::*/*" }) }),
  ],
  [
    "roles-name-resources",
    "everything but something",
    add("aws:iam/rolePolicy:RolePolicy", {
      policy: allow({ Action: "s3:GetObject", NotResource: "arn:aws:s3:::one" }),
    }),
  ],
  [
    "roles-no-managed-policies",
    "one that is attached to several roles",
    add("aws:iam/policyAttachment:PolicyAttachment", { policyArn: "arn:aws:iam::aws:policy/AdministratorAccess" }),
  ],
  [
    "proxy-role",
    "a policy that is attached to it",
    add(
      "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
      { policyArn: "arn:aws:iam::123456789012:policy/mine" },
      { dependsOn: ["DatabaseProxyRole"] },
    ),
  ],
  [
    "functions-not-public",
    "another account",
    add("aws:lambda/permission:Permission", { principal: "210987654321" }, { dependsOn: ["RunnerFunction"] }),
  ],
  [
    "functions-not-public",
    "a service, for whomever",
    add("aws:lambda/permission:Permission", { principal: "s3.amazonaws.com" }, { dependsOn: ["RunnerFunction"] }),
  ],
  [
    "functions-not-public",
    "everybody past the URL of health, who would be told more",
    changeOne("HealthInvokedByUrl", { invokedViaFunctionUrl: undefined }),
  ],
  ["functions-not-public", "everybody to change health", changeOne("HealthUrlPublic", { action: "lambda:*" })],
  [
    "functions-environment",
    "a login in an address",
    environmentWith({ POSTERN_DATABASE_HOST: "postgres://app:hunter22@db.example.com/shop" }),
  ],
  [
    "long-runs-environment",
    "a variable that the contract does not name",
    changeOne("LongRunTask", {
      containerDefinitions: JSON.stringify([{ environment: [{ name: "POSTERN_OTHER", value: "1" }] }]),
    }),
  ],
  [
    "long-runs-environment",
    "a login in an address",
    changeOne("LongRunTask", {
      containerDefinitions: JSON.stringify([
        { environment: [{ name: "POSTERN_DATABASE_HOST", value: "postgres://app:hunter22@db.example.com/shop" }] },
      ]),
    }),
  ],
  ["outputs-no-secrets", "a password by its name", show("adminPassword", "correct horse")],
  [
    "outputs-no-secrets",
    "a password inside of something",
    show("database", { login: { user: "app", password: "correct horse" } }),
  ],
  [
    "outputs-no-secrets",
    "a login in an address",
    show("url", "postgresql://app:hunter22@db.example.com/shop?sslmode=verify-full"),
  ],
  ["outputs-no-secrets", "a private key", show("bastion", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl")],
  [
    "outputs-no-secrets",
    "a value that is encrypted in the state, without its mark",
    (ours) =>
      show(
        "note",
        "is it swordfish-42?",
      )({
        ...ours,
        resources: ours.resources.map((one) =>
          one.name === "HealthLog"
            ? { ...one, inputs: { ...one.inputs, tags: ["swordfish-42"] }, secretInputs: ["tags[0]"] }
            : one,
        ),
      }),
  ],
  ["alarms-topic", "alarms of every account", topicPolicy({})],
  [
    "alarms-topic",
    "whatever a service sends",
    topicPolicy({
      Principal: { Service: "events.amazonaws.com" },
      Condition: { StringEquals: { "aws:SourceAccount": "123456789012" } },
    }),
  ],
  ["alarms-topic", "a policy of the topic's own", change("aws:sns/topic:Topic", { policy: "{}" })],
];

describe("a rule finds", () => {
  it.each(bad)("%s: %s", async (id, _what, breakIt) => {
    const ours = await evaluateWhole(stage);
    const rule = rules.find((one) => one.id === id);
    if (rule === undefined) throw new Error(`There is no rule ${id}.`);
    expect(rule.violations(ours)).toEqual([]);
    const broken = breakIt(ours);
    expect(broken).not.toEqual(ours);
    expect(rule.violations(broken)).not.toEqual([]);
  });
});

describe("a rule lets be", () => {
  it.each([
    [
      "network-no-public-ingress",
      "SSH to the NAT instances, from somebody",
      sshFrom("203.0.113.7/32", "198.51.100.0/24"),
    ],
    ["outputs-no-secrets", "where a secret is", show("passwordSecret", `${secretArn}:postern/dev/app`)],
    ["outputs-no-secrets", "an address without a login", show("url", "https://status.example.com/")],
    [
      "functions-not-public",
      "a service, for one thing of the account",
      add("aws:lambda/permission:Permission", {
        principal: "events.amazonaws.com",
        sourceArn: "arn:aws:events:eu-central-1:123456789012:rule/one",
      }),
    ],
  ] as const)("%s: %s", async (id, _what, changeIt) => {
    const changed = changeIt(await evaluateWhole(stage));
    expect(rules.find((one) => one.id === id)?.violations(changed)).toEqual([]);
  });
});
