import { policyDocument } from "../roles.ts";
import type { StageSettings } from "../settings/schema.ts";
import { ignoredUnlessRenewed, instanceDefaults } from "./instance.ts";
import { carrySessions } from "./session-policy.ts";

type NetworkSettings = StageSettings["network"];

/** AWS account that publishes fck-nat. Without it anybody could publish an image of that name. */
const fckNatAccount = "568608671756";

/**
 * The image for new NAT instances. It is looked up in every deploy, though instances that are there keep theirs
 * (`shapeNatInstance`): a deploy does not know what is there. So an image that its publisher deprecates, which AWS does to
 * each after two years, has to be found all the same.
 */
export async function chooseNatImage({ imageId, imageName }: NetworkSettings["nat"]): Promise<string> {
  if (imageId !== undefined) return imageId;
  try {
    const { id } = await aws.ec2.getAmi({
      owners: [fckNatAccount],
      mostRecent: true,
      includeDeprecated: true,
      filters: [
        { name: "name", values: [imageName] },
        { name: "architecture", values: ["arm64"] },
      ],
    });
    return id;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(
      `network.nat.imageName: ${imageName}; there is no such image of account ${fckNatAccount} in this region, or it could not be looked up (${reason}). Name another one, or the image itself in network.nat.imageId: that of the instances that are there changes nothing.`,
      { cause },
    );
  }
}

/** The VPC's own traffic to the internet, and SSH from named ranges where the stage wants it. Nothing else. */
export function natIngress({ range, bastion, sshFrom }: NetworkSettings) {
  const fromVpc = { protocol: "-1", fromPort: 0, toPort: 0, cidrBlocks: [range], description: "NAT for the VPC" };
  const ssh = { protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: [...sshFrom], description: "sst tunnel" };
  return bastion === "ssh" ? [fromVpc, ssh] : [fromVpc];
}

/**
 * SST's instance for a zone (from 1), made safe. It keeps its image until its zone is renewed: set `network.nat.renewZone`
 * to 1, deploy, then to 2, deploy, and take it out again. The zone that is renewed has no way out for about a minute.
 */
export function shapeNatInstance(
  args: aws.ec2.InstanceArgs,
  options: $util.CustomResourceOptions,
  zone: number,
  { bastion, nat }: NetworkSettings,
): void {
  Object.assign(args, instanceDefaults(bastion));
  if (nat.renewZone !== zone) options.ignoreChanges = [...(options.ignoreChanges ?? []), ...ignoredUnlessRenewed];
}

/** An empty list would leave what is there. */
const removesAll = [{}];

/**
 * SST gives the NAT instances a policy of AWS's that may read every parameter. They may carry sessions and nothing else;
 * without a bastion not even that. Call it before the VPC is made.
 */
export function guardNatRole({ bastion }: NetworkSettings): void {
  $transform(aws.iam.Role, (args, _options, name) => {
    if (name !== "NetworkNatInstanceRole") return;
    args.managedPolicyArns = [];
    args.inlinePolicies =
      bastion === "none" ? removesAll : [{ name: "sessions", policy: $jsonStringify(policyDocument([carrySessions])) }];
  });
}
