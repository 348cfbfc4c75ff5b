// Not part of the program: the type check fails here when SST's globals decay to `any`, which happens silently when the
// platform is missing or when `infra/tsconfig.json` resolves modules another way.

// @ts-expect-error a VPC has no such argument
export const vpcArgs: sst.aws.VpcArgs = { canary: true };
// @ts-expect-error an instance has no such argument
export const instanceArgs: aws.rds.InstanceArgs = { canary: true };
