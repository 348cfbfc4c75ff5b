import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";

/**
 * Inputs that say who reaches what, who may do what, and what is lost when: what a reviewer looks at. The rest (sizes,
 * descriptions, names) would only make every change of a graph longer.
 */
const relevant: ReadonlySet<string> = new Set(
  [
    // Who reaches it.
    "associatePublicIpAddress cidrBlock cidrIpv4 cidrIpv6 cors egress fromPort ingress ipProtocol mapPublicIpOnLaunch",
    "networkConfiguration publiclyAccessible referencedSecurityGroupId securityGroupId securityGroupIds subnetIds",
    "securityGroups toPort vpcConfig vpcSecurityGroupIds vpcEndpointType authorizationType metadataOptions",
    "blockPublicAcls blockPublicPolicy ignorePublicAcls restrictPublicBuckets",
    // Who may do what.
    "assumeRolePolicy auths iamDatabaseAuthenticationEnabled inlinePolicies managedPolicyArns manageMasterUserPassword",
    "action functionUrlAuthType invokedViaFunctionUrl policy policyArn policyDocument principal role executionRoleArn taskRoleArn",
    // What is encrypted.
    "parameters requireTls rootBlockDevice serverSideEncryptionConfigurations storageEncrypted",
    // What is lost, and when.
    "applyImmediately backupRetentionPeriod deletionProtection maximumEventAgeInSeconds maximumRetryAttempts multiAz",
    "recoveryWindowInDays retentionInDays skipFinalSnapshot reservedConcurrentExecutions timeout",
    // What runs, and which events are looked at.
    "architectures containerDefinitions environment eventPattern runtime",
  ]
    .join(" ")
    .split(" "),
);

/** What SST puts behind a logical name to make a physical one; another one in each evaluation. */
const randomSuffix = /\b([A-Z][A-Za-z\d]+)-[a-z]{8}\b/gu;

/** Of a bundle: another one with every change of its code. */
const contentHash = /\b[\da-f]{64}\b/gu;

/** Everything that an evaluation declares, a resource a block, sorted by name: made to be compared line by line. */
export function describeGraph({ resources }: Evaluation): string {
  const custom = resources.filter(({ isCustom }) => isCustom);
  const types = new Set(custom.map(({ type }) => type));
  const blocks = custom.toSorted((a, b) => compare(a.name, b.name) || compare(a.type, b.type)).map(describeResource);
  return `${custom.length} resources of ${types.size} types\n\n${blocks.join("\n")}`;
}

function describeResource({ name, type, inputs, options }: RecordedResource): string {
  const kept = [
    options.protect && "protected",
    options.retainOnDelete && "retained",
    options.ignoreChanges.length > 0 && `ignores ${options.ignoreChanges.join(", ")}`,
  ].filter((word) => word !== false);
  const lines = Object.entries(inputs)
    .filter(([key, value]) => relevant.has(key) && value !== undefined)
    .toSorted(([a], [b]) => compare(a, b))
    .map(([key, value]) => `  ${key}: ${show(value)}`);
  const head = `${name} (${type.replace(/\/[^:]*/u, "")})${kept.length > 0 ? ` [${kept.join("; ")}]` : ""}`;
  return [head, ...lines, ""].join("\n");
}

/** Policies are JSON in a text: as they are, without the quoting of a second time. */
function show(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.replaceAll(randomSuffix, "$1-*").replaceAll(contentHash, "*");
}

/** By code unit, so that the order is the same on every machine. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
