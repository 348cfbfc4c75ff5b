import type { Network } from "../network.ts";
import { createRole } from "../roles.ts";
import { allowHttpsOut, createGroup } from "../security-groups.ts";
import type { StageSettings } from "../settings/schema.ts";
import { ignoredUnlessRenewed, instanceDefaults } from "./instance.ts";
import { declareRecovery } from "./recovery.ts";
import { carrySessions } from "./session-policy.ts";

type Existing = NonNullable<StageSettings["network"]["existing"]>;

/**
 * A VPC that is there already. Nothing in it is changed; a bastion, where the stage wants one, is put into its first
 * private subnet. Its subnets were looked at before (`findSubnetProblems`).
 */
export async function useExistingVpc(existing: Existing, settings: StageSettings): Promise<Network> {
  const { vpcId, privateSubnetIds } = existing;
  const network = {
    vpcId: $util.output(vpcId),
    privateSubnetIds: $util.output(privateSubnetIds),
    nats: [],
    ready: [],
  };
  if (settings.network.bastion === "none") return { ...network, bastionIds: [] };
  const group = createGroup({ name: "NetworkBastion", vpcId, description: "Bastion" });
  allowHttpsOut("NetworkBastionHttps", group.id);
  const bastion = await declareBastion(privateSubnetIds[0] ?? "", group.id, settings);
  declareRecovery("NetworkBastion", bastion.id);
  return { ...network, bastionIds: [bastion.id], bastionGroupId: group.id };
}

async function declareBastion(subnetId: string, groupId: $util.Input<string>, { network }: StageSettings) {
  const image = await aws.ec2.getAmi({
    owners: ["amazon"],
    mostRecent: true,
    filters: [
      { name: "name", values: ["al2023-ami-2023.*-kernel-*"] },
      { name: "architecture", values: ["arm64"] },
    ],
  });
  const { role, policy } = createRole("NetworkBastion", "ec2.amazonaws.com", [carrySessions]);
  const profile = new aws.iam.InstanceProfile("NetworkBastionProfile", { role: role.name });
  return new aws.ec2.Instance(
    "NetworkBastionInstance",
    {
      ...instanceDefaults(network.bastion),
      ami: image.id,
      instanceType: network.nat.instanceType,
      subnetId,
      vpcSecurityGroupIds: [groupId],
      iamInstanceProfile: profile.name,
      tags: { Name: `${$app.name}-${$app.stage}-bastion` },
    },
    // An agent that may not register at first tries again more and more seldom.
    { dependsOn: [policy], ignoreChanges: network.nat.renewZone === undefined ? ignoredUnlessRenewed : [] },
  );
}
