import { isPrivateRange } from "../../../infra/settings/ranges.ts";
import type { Evaluation, RecordedResource } from "../../support/sst/recorded.ts";
import { input, ofType, type Rule } from "./rule.ts";

type Ingress = { readonly where: string; readonly from: readonly string[]; readonly port: unknown };

/** Everything that lets traffic in, inline and as rules of their own. */
function ingressOf(evaluation: Evaluation): Ingress[] {
  const groups = [...ofType(evaluation, "aws:ec2/securityGroup:SecurityGroup"), ...defaultGroups(evaluation)];
  const inline = groups.flatMap((group) =>
    list(input(group, "ingress")).map((rule) => ({
      where: group.name,
      from: [...texts(rule["cidrBlocks"]), ...texts(rule["ipv6CidrBlocks"])],
      port: rule["fromPort"],
    })),
  );
  const rules = ofType(evaluation, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").map((rule) => ({
    where: rule.name,
    from: texts([input(rule, "cidrIpv4"), input(rule, "cidrIpv6")]),
    port: input(rule, "fromPort"),
  }));
  const older = ofType(evaluation, "aws:ec2/securityGroupRule:SecurityGroupRule")
    .filter((rule) => input(rule, "type") === "ingress")
    .map((rule) => ({
      where: rule.name,
      from: [...texts(input(rule, "cidrBlocks")), ...texts(input(rule, "ipv6CidrBlocks"))],
      port: input(rule, "fromPort"),
    }));
  return [...inline, ...rules, ...older];
}

function defaultGroups(evaluation: Evaluation): RecordedResource[] {
  return ofType(evaluation, "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup");
}

function instances(evaluation: Evaluation): RecordedResource[] {
  return ofType(evaluation, "aws:ec2/instance:Instance");
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? (value as Record<string, unknown>[]) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

export const networkRules: readonly Rule[] = [
  {
    id: "network-no-public-ingress",
    title: "No security group lets the internet in, on any port",
    securityHub: ["EC2.13", "EC2.18", "EC2.19", "EC2.53", "EC2.54"],
    violations: (evaluation) =>
      ingressOf(evaluation)
        .filter(({ from }) => from.some((range) => !isPrivateRange(range)))
        .map(({ where, from, port }) => `${where}: port ${String(port)} from ${from.join()}`),
  },
  {
    id: "network-default-group-empty",
    title: "The VPC's default security group lets nothing in and nothing out",
    securityHub: ["EC2.2"],
    violations: (evaluation) =>
      defaultGroups(evaluation)
        .filter((group) => list(input(group, "ingress")).length + list(input(group, "egress")).length > 0)
        .map(({ name }) => `${name}: has rules`),
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
    title: "No subnet gives out public addresses by itself",
    securityHub: ["EC2.15"],
    violations: (evaluation) =>
      ofType(evaluation, "aws:ec2/subnet:Subnet")
        .filter((subnet) => input(subnet, "mapPublicIpOnLaunch") === true)
        .map(({ name }) => `${name}: gives out public addresses`),
  },
  {
    id: "network-image-kept",
    title: "A newer image or other user data replaces no instance by itself",
    securityHub: [],
    violations: (evaluation) =>
      instances(evaluation)
        .filter(({ options }) => !options.ignoreChanges.includes("ami") || !options.ignoreChanges.includes("userData"))
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
    violations: (evaluation) =>
      evaluation.resources
        .filter(({ type }) => type === "tls:index/privateKey:PrivateKey" || type === "aws:ec2/keyPair:KeyPair")
        .map(({ name, type }) => `${name}: ${type}`),
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
    violations: (evaluation) => {
      const logs = ofType(evaluation, "aws:ec2/flowLog:FlowLog");
      const logged = new Set(logs.flatMap((log) => log.options.dependsOn));
      return ofType(evaluation, "aws:ec2/vpc:Vpc")
        .filter(({ name }) => !logged.has(name))
        .map(({ name }) => `${name}: no flow log`);
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
