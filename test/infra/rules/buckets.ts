import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";
import { idOf } from "./group-rules.ts";
import { input, ofType, type Rule } from "./rule.ts";
import { parse, type Statement } from "./statements.ts";

type Inputs = Readonly<Record<string, unknown>>;

function buckets(evaluation: Evaluation): RecordedResource[] {
  return ["bucket:Bucket", "bucketV2:BucketV2"].flatMap((type) => ofType(evaluation, `aws:s3/${type}`));
}

/** Buckets of which no resource of the type is as it has to be. */
function bucketsWithout(
  evaluation: Evaluation,
  type: string,
  isRight: (inputs: Inputs, bucket: RecordedResource) => boolean,
): string[] {
  const all = ofType(evaluation, `aws:s3/${type[0]?.toLowerCase()}${type.slice(1)}:${type}`);
  return buckets(evaluation)
    .filter((bucket) => !all.some((one) => input(one, "bucket") === idOf(bucket) && isRight(one.inputs, bucket)))
    .map(({ name }) => `${name}: lacks ${type}`);
}

function records(value: unknown): Inputs[] {
  return Array.isArray(value) ? (value as Inputs[]) : [];
}

/** Whole buckets only: a filter would leave the rest as it is. */
function endsOldVersions({ status, filter, prefix, noncurrentVersionExpiration }: Inputs): boolean {
  const isWhole = Object.keys(filter ?? {}).length === 0 && (prefix ?? "") === "";
  const { noncurrentDays } = (noncurrentVersionExpiration ?? {}) as Inputs;
  return status === "Enabled" && isWhole && Number(noncurrentDays) > 0;
}

function encrypts({ applyServerSideEncryptionByDefault: byDefault }: Inputs): boolean {
  return ["AES256", "aws:kms", "aws:kms:dsse"].includes(String((byDefault as Inputs | undefined)?.["sseAlgorithm"]));
}

/** Denies everybody everything, of the bucket and of what is in it, without TLS. */
function deniesPlain({ effect, actions, principals, resources, conditions }: Statement, arn: string): boolean {
  return (
    effect === "Deny" &&
    actions.includes("s3:*") &&
    principals["AWS"]?.includes("*") === true &&
    [arn, `${arn}/*`].every((needed) => resources.includes(needed)) &&
    JSON.stringify(conditions) === '{"Bool":{"aws:SecureTransport":"false"}}'
  );
}

/** Long runs are off by default, so that these hold of a stage that has them. */
export const bucketRules: readonly Rule[] = [
  {
    id: "buckets-private",
    title: "Buckets cannot be made public, by policy or ACL",
    securityHub: ["S3.2", "S3.3", "S3.8", "S3.12"],
    violations: (evaluation) => [
      ...bucketsWithout(evaluation, "BucketPublicAccessBlock", (inputs) =>
        ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"].every(
          (key) => inputs[key] === true,
        ),
      ),
      ...bucketsWithout(
        evaluation,
        "BucketOwnershipControls",
        ({ rule }) => (rule as Inputs)["objectOwnership"] === "BucketOwnerEnforced",
      ),
    ],
  },
  {
    id: "buckets-versioned",
    title: "What is overwritten in a bucket can be had back, for a time",
    securityHub: ["S3.10", "S3.13", "S3.14"],
    violations: (evaluation) => [
      ...bucketsWithout(
        evaluation,
        "BucketVersioning",
        ({ versioningConfiguration }) => (versioningConfiguration as Inputs)["status"] === "Enabled",
      ),
      ...bucketsWithout(evaluation, "BucketLifecycleConfiguration", (inputs) =>
        records(inputs["rules"]).some(endsOldVersions),
      ),
    ],
  },
  {
    id: "buckets-encrypted",
    title: "Buckets are encrypted, and answer over TLS only",
    securityHub: ["S3.5"],
    violations: (evaluation) => [
      ...bucketsWithout(evaluation, "BucketServerSideEncryptionConfiguration", (inputs) =>
        records(inputs["rules"]).some(encrypts),
      ),
      ...bucketsWithout(evaluation, "BucketPolicy", (inputs, bucket) =>
        parse(bucket, inputs["policy"]).some((statement) => deniesPlain(statement, arnOf(bucket))),
      ),
    ],
  },
];

/** As the evaluation makes it. */
function arnOf({ name }: RecordedResource): string {
  return `arn:aws:s3:eu-central-1:123456789012:${name}`;
}
