import { tagKeys } from "#lib/contract.ts";
import { arn } from "../../arn.ts";
import { getsStageTag, hasStageTag, type Scope } from "../place.ts";
import type { Statement } from "../../statement.ts";

/**
 * What each action makes. One statement each: the tags of a request count for all that it names, so that in a common one a subnet
 * with a preview's tags could be put into production's VPC.
 */
export const made = {
  CreateVpc: "vpc",
  CreateSubnet: "subnet",
  CreateRouteTable: "route-table",
  CreateInternetGateway: "internet-gateway",
  AllocateAddress: "elastic-ip",
  CreateSecurityGroup: "security-group",
  AuthorizeSecurityGroupIngress: "security-group-rule",
  AuthorizeSecurityGroupEgress: "security-group-rule",
  CreateVpcEndpoint: "vpc-endpoint",
  CreateFlowLogs: "vpc-flow-log",
  RunInstances: "instance",
  ImportKeyPair: "key-pair",
} as const;

/** On what is there and says whose it is; also what those above name beside what they make. */
const changes = [
  "AssociateAddress",
  "AssociateRouteTable",
  "AttachInternetGateway",
  "AuthorizeSecurityGroupEgress",
  "AuthorizeSecurityGroupIngress",
  "CreateFlowLogs",
  "CreateRoute",
  "CreateRouteTable",
  "CreateSecurityGroup",
  "CreateSubnet",
  "CreateVpcEndpoint",
  "DeleteFlowLogs",
  "DeleteInternetGateway",
  "DeleteKeyPair",
  "DeleteRoute",
  "DeleteRouteTable",
  "DeleteSecurityGroup",
  "DeleteSubnet",
  "DeleteTags",
  "DeleteVpc",
  "DeleteVpcEndpoints",
  "DetachInternetGateway",
  "DisassociateAddress",
  "DisassociateRouteTable",
  "ModifyInstanceAttribute",
  "ModifyInstanceMetadataOptions",
  "ModifySecurityGroupRules",
  "ModifySubnetAttribute",
  "ModifyVpcAttribute",
  "ModifyVpcEndpoint",
  "ReleaseAddress",
  "ReplaceRoute",
  "ReplaceRouteTableAssociation",
  "RevokeSecurityGroupEgress",
  "RevokeSecurityGroupIngress",
  "RunInstances",
  "StartInstances",
  "StopInstances",
  "TerminateInstances",
  "UpdateSecurityGroupRuleDescriptionsEgress",
  "UpdateSecurityGroupRuleDescriptionsIngress",
];

/**
 * VPC, NAT instances, security groups. Their ids say nothing, so that all of it goes by tags: what is made gets those of a stage,
 * and what is changed has them already.
 */
export function mayMakeNetwork(scope: Scope): readonly Statement[] {
  const { account } = scope;
  return [
    {
      Sid: "LookUp",
      Effect: "Allow",
      Action: ["ec2:Describe*"],
      Resource: "*",
    },
    ...Object.entries(made).map(([action, type]): Statement => ({
      Sid: action,
      Effect: "Allow",
      Action: `ec2:${action}`,
      Resource: arn(account, "ec2", `${type}/*`),
      Condition: getsStageTag(scope),
    })),
    {
      // Neither is given tags: the image is somebody else's, and the others go with their instance.
      Sid: "RunInstancesWith",
      Effect: "Allow",
      Action: "ec2:RunInstances",
      Resource: [
        arn(account, "ec2", "image/*", { account: "" }),
        arn(account, "ec2", "network-interface/*"),
        arn(account, "ec2", "volume/*"),
      ],
    },
    {
      // Of functions that are gone: Lambda gives them no tags, and no longer has the role to delete them itself. None that is in use.
      Sid: "LeftInterfaces",
      Effect: "Allow",
      Action: "ec2:DeleteNetworkInterface",
      Resource: arn(account, "ec2", "network-interface/*"),
      Condition: { Null: { [`aws:ResourceTag/${tagKeys.app}`]: "true" } },
    },
    {
      Sid: "ChangeOwn",
      Effect: "Allow",
      Action: changes.map((action) => `ec2:${action}`),
      Resource: "*",
      Condition: hasStageTag(scope),
    },
  ];
}
