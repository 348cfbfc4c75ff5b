import { allow, deny, type Row } from "../row.ts";
import { ec2 } from "../targets.ts";
import { preview, production } from "./principals.ts";
import { giving, ofDev, ofPreview, ofShop, tags } from "./tags.ts";

const made = {
  CreateVpc: "vpc/vpc-1",
  CreateSubnet: "subnet/subnet-1",
  CreateRouteTable: "route-table/rtb-1",
  CreateInternetGateway: "internet-gateway/igw-1",
  AllocateAddress: "elastic-ip/eipalloc-1",
  CreateSecurityGroup: "security-group/sg-1",
  AuthorizeSecurityGroupIngress: "security-group-rule/sgr-1",
  AuthorizeSecurityGroupEgress: "security-group-rule/sgr-1",
  CreateVpcEndpoint: "vpc-endpoint/vpce-1",
  CreateFlowLogs: "vpc-flow-log/fl-1",
  RunInstances: "instance/i-1",
  ImportKeyPair: "key-pair/key-1",
};

const deployNetwork = Object.entries(made).flatMap(([action, resource]): Row[] => [
  allow(preview, `ec2:${action}`, ec2(resource, {}), "made with a preview's tags", giving("pr-7")),
  deny(preview, `ec2:${action}`, ec2(resource, {}), "made with another stage's tags", giving("dev")),
  deny(preview, `ec2:${action}`, ec2(resource, {}), "made for another app", giving("pr-7", "shop")),
]);

export const deployNetworkRows: readonly Row[] = [
  ...deployNetwork,
  allow(preview, "ec2:CreateSubnet", ec2("vpc/vpc-1", ofPreview), "in its own VPC", giving("pr-7")),
  deny(preview, "ec2:CreateSubnet", ec2("vpc/vpc-1", ofDev), "in another stage's VPC", giving("pr-7")),
  ...(
    [
      ["CreateRouteTable", "vpc/vpc-1"],
      ["CreateSecurityGroup", "vpc/vpc-1"],
      ["CreateVpcEndpoint", "vpc/vpc-1"],
      ["CreateFlowLogs", "vpc/vpc-1"],
      ["AuthorizeSecurityGroupIngress", "security-group/sg-1"],
      ["AuthorizeSecurityGroupEgress", "security-group/sg-1"],
      ["RunInstances", "subnet/subnet-1"],
      ["RunInstances", "security-group/sg-1"],
    ] as const
  ).map(([action, resource]) =>
    deny(preview, `ec2:${action}`, ec2(resource, ofDev), "what it makes is put into no other stage's", giving("pr-7")),
  ),
  allow(preview, "ec2:RunInstances", ec2("network-interface/eni-1", {}), "goes with the instance", giving("pr-7")),
  // Lambda gives the interfaces of a function no tags, and leaves them behind when its role goes first.
  allow(preview, "ec2:DeleteNetworkInterface", ec2("network-interface/eni-1", {}), "what a function left behind"),
  deny(preview, "ec2:DeleteNetworkInterface", ec2("network-interface/eni-1", ofDev), "other stage"),
  deny(preview, "ec2:DeleteNetworkInterface", ec2("network-interface/eni-1", {}, "production"), "other account"),
  deny(preview, "ec2:DetachNetworkInterface", ec2("network-interface/eni-1", {}), "what is in use"),
  allow(preview, "ec2:TerminateInstances", ec2("instance/i-1", ofPreview), "its own"),
  deny(preview, "ec2:TerminateInstances", ec2("instance/i-1", ofDev), "other stage"),
  deny(preview, "ec2:TerminateInstances", ec2("instance/i-1", ofShop), "other app"),
  deny(preview, "ec2:TerminateInstances", ec2("instance/i-1", {}), "untagged"),
  deny(
    production,
    "ec2:TerminateInstances",
    { ...ec2("instance/i-1", tags("reports"), "production") },
    "other protected stage",
  ),
  allow(production, "ec2:TerminateInstances", { ...ec2("instance/i-1", tags("production"), "production") }, "its own"),
  ...Object.entries(made).map(([action, resource]) =>
    allow(preview, "ec2:CreateTags", ec2(resource, {}), "as it makes it", {
      ...giving("pr-7"),
      "ec2:CreateAction": action,
    }),
  ),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofDev), "takes over what another stage has", giving("pr-7")),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", {}), "as it makes it, for another stage", {
    ...giving("dev"),
    "ec2:CreateAction": "CreateVpc",
  }),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", {}), "as it makes it, for another app", {
    ...giving("pr-7", "shop"),
    "ec2:CreateAction": "CreateVpc",
  }),
  allow(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofPreview), "another tag on its own", {
    "aws:RequestTag/Name": "x",
  }),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofPreview), "gives its own to another stage", giving("dev")),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofShop), "other app", { "aws:RequestTag/Name": "x" }),
  deny(preview, "ec2:CreateTags", ec2("vpc/vpc-1", ofDev), "other stage", { "aws:RequestTag/Name": "x" }),
];
