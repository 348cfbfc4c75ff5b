import { createHash } from "node:crypto";

export type BucketPlace = {
  readonly app: string;
  readonly stage: string;
  readonly purpose: string;
  readonly accountId: string;
  readonly region: string;
};

/**
 * A bucket's name is taken for the whole world: it has the account and, for a stage that is in two regions, the region. S3
 * allows 63 characters, of which the longest stage leaves five: so the region is the beginning of its hash. Pure.
 */
export function bucketName({ app, stage, purpose, accountId, region }: BucketPlace): string {
  const ofRegion = createHash("sha256").update(region).digest("hex").slice(0, 4);
  return `${app}-${stage}-${purpose}-${accountId}-${ofRegion}`;
}
