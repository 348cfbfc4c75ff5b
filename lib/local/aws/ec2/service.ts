import type { AwsService } from "../protocol.ts";
import type { AwsResources } from "../resources.ts";
import { describeOperations } from "./describe.ts";
import { ec2Protocol } from "./protocol.ts";

/** EC2: what a doctor of networks reads. */
export function ec2Service(options: {
  readonly resources: () => AwsResources;
  readonly accountId: string;
}): AwsService {
  return ec2Protocol({ version: "2016-11-15", operations: describeOperations(options) });
}
