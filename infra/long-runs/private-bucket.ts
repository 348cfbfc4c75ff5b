import { bucketName } from "./bucket-name.ts";

/**
 * A bucket for nobody but roles of this account: no public access however its policy may change, no ACLs, encrypted,
 * over TLS only. What is overwritten or deleted can be had back for a month.
 *
 * @param name logical name; begins with a part
 * @param purpose end of the bucket's name
 */
export function createPrivateBucket(name: string, purpose: string, isKept: boolean) {
  const { name: app, stage } = $app;
  const bucketsName = $util
    .all([aws.getCallerIdentityOutput().accountId, aws.getRegionOutput().region])
    .apply(([accountId, region]) => bucketName({ app, stage, purpose, accountId, region }));
  const bucket = new aws.s3.Bucket(name, { bucket: bucketsName, forceDestroy: !isKept }, { retainOnDelete: isKept });
  const options = { retainOnDelete: isKept };
  const closed = new aws.s3.BucketPublicAccessBlock(
    `${name}NotPublic`,
    {
      bucket: bucket.id,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    },
    options,
  );
  new aws.s3.BucketOwnershipControls(
    `${name}Ownership`,
    { bucket: bucket.id, rule: { objectOwnership: "BucketOwnerEnforced" } },
    options,
  );
  new aws.s3.BucketServerSideEncryptionConfiguration(
    `${name}Encryption`,
    { bucket: bucket.id, rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: "AES256" } }] },
    options,
  );
  const versioning = new aws.s3.BucketVersioning(
    `${name}Versions`,
    { bucket: bucket.id, versioningConfiguration: { status: "Enabled" } },
    options,
  );
  new aws.s3.BucketLifecycleConfiguration(
    `${name}Lifecycle`,
    {
      bucket: bucket.id,
      rules: [
        {
          id: "old-versions",
          status: "Enabled",
          filter: {},
          noncurrentVersionExpiration: { noncurrentDays: 30 },
          abortIncompleteMultipartUpload: { daysAfterInitiation: 7 },
        },
      ],
    },
    { ...options, dependsOn: [versioning] },
  );
  const policy = {
    Version: "2012-10-17",
    Statement: [
      {
        Sid: "TlsOnly",
        Effect: "Deny",
        Principal: "*",
        Action: "s3:*",
        Resource: [bucket.arn, $interpolate`${bucket.arn}/*`],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      },
    ],
  };
  new aws.s3.BucketPolicy(
    `${name}Policy`,
    { bucket: bucket.id, policy: $jsonStringify(policy) },
    { ...options, dependsOn: [closed] },
  );
  return bucket;
}
