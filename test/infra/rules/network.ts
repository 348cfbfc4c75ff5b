import { isPrivateRange } from "../../../infra/settings/ranges.ts";
import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";
import { defaultGroups, type GroupRule, groupRules, idOf } from "./group-rules.ts";
import { input, ofType, type Rule } from "./rule.ts";
import { texts } from "./statements.ts";

function instances(evaluation: Evaluation): RecordedResource[] {
  return ofType(evaluation, "aws:ec2/instance:Instance");
}

/** Whom a line lets in that is not in a private network: ranges of the internet, and what nobody here can read. */
function publicSources({ ranges, prefixLists }: GroupRule): string[] {
  return [...ranges.filter((range) => !isPrivateRange(range)), ...prefixLists];
}

/** SSH to the instances that carry `sst tunnel`, from somebody: a short prefix is no name, nor is a list kept elsewhere. */
function isNamedSsh({ where, protocol, fromPort, toPort, ranges, prefixLists }: GroupRule): boolean {
  const isSsh = where === "NetworkNatInstanceSecurityGroup" && protocol === "tcp" && fromPort === 22 && toPort === 22;
  return isSsh && prefixLists.length === 0 && ranges.every((range) => /^[\d.]+\/(?:1[6-9]|2\d|3[0-2])$/.test(range));
}

export const networkRules: readonly Rule[] = [
  {
    id: "network-no-public-ingress",
    title: "No security group lets the internet in, on any port",
    securityHub: ["EC2.13", "EC2.18", "EC2.19", "EC2.53", "EC2.54"],
    exceptions: {
      "port 22 of the NAT instances":
        'with `bastion: "ssh"` only, which is what `sst tunnel` needs; from the ranges in `network.sshFrom`, none shorter than /16',
    },
    violations: (evaluation) =>
      groupRules(evaluation)
        .filter((rule) => rule.direction === "in" && publicSources(rule).length > 0 && !isNamedSsh(rule))
        .map((rule) => `${rule.where}: port ${String(rule.fromPort)} from ${publicSources(rule).join()}`),
  },
  {
    id: "network-default-group-empty",
    title: "The VPC's default security group lets nothing in and nothing out",
    securityHub: ["EC2.2"],
    violations: (evaluation) => {
      const ids = new Set(defaultGroups(evaluation).map(idOf));
      return groupRules(evaluation)
        .filter(({ groupId }) => ids.has(groupId))
        .map(({ where }) => `${where}: the default group has rules`);
    },
  },
  {
    id: "network-imdsv2",
    title: "Instances give their credentials only to a session of IMDSv2, one hop away",
    securityHub: ["EC2.8"],
    violations: (evaluation) =>
      instances(evaluation)
        .filter(
          (instance) =>
            input(instance, "metadataOptions", "httpTokens") !== "required" ||
            input(instance, "metadataOptions", "httpPutResponseHopLimit") !== 1,
        )
        .map(({ name }) => `${name}: IMDSv1 answers, or answers further away`),
  },
  {
    id: "network-disks-encrypted",
    title: "Disks of instances are encrypted",
    securityHub: ["EC2.3"],
    violations: (evaluation) =>
      instances(evaluation)
        .filter((instance) => input(instance, "rootBlockDevice", "encrypted") !== true)
        .map(({ name }) => `${name}: its disk is not encrypted`),
  },
  {
    id: "network-no-public-addresses",
    title: "No subnet gives out public addresses by itself, and no instance asks for one",
    securityHub: ["EC2.15"],
    violations: (evaluation) =>
      [
        ...ofType(evaluation, "aws:ec2/subnet:Subnet").filter((one) => input(one, "mapPublicIpOnLaunch") === true),
        ...instances(evaluation).filter((one) => input(one, "associatePublicIpAddress") === true),
      ].map(({ name }) => `${name}: a public address comes by itself`),
  },
  {
    id: "network-image-kept",
    title: "A newer image, other user data or another bastion replaces no instance by itself",
    securityHub: [],
    violations: (evaluation) =>
      instances(evaluation)
        .filter(({ options }) => ["ami", "userData", "keyName"].some((key) => !options.ignoreChanges.includes(key)))
        .map(({ name }) => `${name}: a new image replaces it`),
  },
  {
    id: "network-recovery",
    title: "An instance that fails its status checks is moved or started anew by itself",
    securityHub: [],
    violations: (evaluation) => {
      const alarms = ofType(evaluation, "aws:cloudwatch/metricAlarm:MetricAlarm");
      const isRecovered = (instance: RecordedResource, action: string) =>
        alarms.some(
          (alarm) =>
            alarm.options.dependsOn.includes(instance.name) &&
            texts(input(alarm, "alarmActions")).some((arn) => arn.endsWith(`:ec2:${action}`)),
        );
      return instances(evaluation).flatMap((instance) =>
        ["recover", "reboot"]
          .filter((action) => !isRecovered(instance, action))
          .map((action) => `${instance.name}: nothing would ${action} it`),
      );
    },
  },
  {
    id: "network-no-ssh-keys",
    title: "No SSH key is made, which would lie in the state and in a parameter",
    securityHub: [],
    exceptSsh: "SST makes the key that `sst tunnel` uses; without it nobody could log in",
    violations: (evaluation) => [
      ...evaluation.resources
        .filter(({ type }) => type === "tls:index/privateKey:PrivateKey" || type === "aws:ec2/keyPair:KeyPair")
        .map(({ name, type }) => `${name}: ${type}`),
      ...instances(evaluation)
        .filter((instance) => input(instance, "keyName") !== undefined)
        .map(({ name }) => `${name}: has a key`),
    ],
  },
  {
    id: "network-s3-endpoint",
    title: "Traffic to S3 stays in AWS's network, from every private subnet",
    securityHub: [],
    violations: (evaluation) => {
      const endpoints = ofType(evaluation, "aws:ec2/vpcEndpoint:VpcEndpoint").filter((endpoint) =>
        String(input(endpoint, "serviceName")).endsWith(".s3"),
      );
      const routed = new Set(endpoints.flatMap((endpoint) => endpoint.options.dependsOn));
      return ofType(evaluation, "aws:ec2/routeTable:RouteTable")
        .filter(({ name }) => name.includes("Private") && !routed.has(name))
        .map(({ name }) => `${name}: reaches S3 through NAT`);
    },
  },
  {
    id: "network-flow-logs",
    title: "A protected stage keeps who talked to whom in its VPC",
    securityHub: ["EC2.6"],
    protectedOnly: true,
    exceptExisting: "nothing in such a VPC is changed: whether its traffic is logged is for its owner to say",
    violations: (evaluation) => {
      const vpcs = ofType(evaluation, "aws:ec2/vpc:Vpc");
      // Else a stage without a VPC of its own would pass with nothing to look at.
      if (vpcs.length === 0) return ["no VPC of the stage's own: no flow log of ours"];
      const logs = ofType(evaluation, "aws:ec2/flowLog:FlowLog");
      const logged = new Set(logs.flatMap((log) => log.options.dependsOn));
      return vpcs.filter(({ name }) => !logged.has(name)).map(({ name }) => `${name}: no flow log`);
    },
  },
  {
    id: "network-protected",
    title: "The VPC and the private subnets of a protected stage cannot be deleted",
    securityHub: [],
    protectedOnly: true,
    violations: (evaluation) =>
      [...ofType(evaluation, "aws:ec2/vpc:Vpc"), ...ofType(evaluation, "aws:ec2/subnet:Subnet")]
        .filter(({ name }) => !name.includes("Public"))
        .filter(({ options }) => !options.protect || !options.retainOnDelete)
        .map(({ name, options }) => `${name}: protect ${options.protect}, retainOnDelete ${options.retainOnDelete}`),
  },
];
