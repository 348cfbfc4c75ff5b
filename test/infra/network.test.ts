import { describe, expect, it } from "vitest";
import { evaluate, evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation, RecordedResource } from "../support/sst/recorded.ts";
import { input, ofType } from "./rules/rule.ts";
import { permissions } from "./rules/statements.ts";

const devWith = (overrides: object) => ({ stage: "dev", config: { stages: { dev: overrides } } });
const dev = async (overrides: object) => evaluateWhole(devWith(overrides));

/** A stage that was deployed before, into the first two zones. */
const placed = (...zones: string[]) => ({
  stage: "placed",
  config: { stages: { placed: { network: { zones: zones.map((zone) => `eu-central-1${zone}`) } } } },
});

function named(evaluation: Evaluation, name: string): RecordedResource {
  const found = evaluation.resources.find((resource) => resource.name === name);
  if (found === undefined) throw new Error(`There is no ${name}.`);
  return found;
}

const natGroup = "NetworkNatInstanceSecurityGroup";
/** What an instance may do that carries sessions. */
const sessionActions = [
  "ssm:UpdateInstanceInformation",
  "ssmmessages:CreateControlChannel",
  "ssmmessages:CreateDataChannel",
  "ssmmessages:OpenControlChannel",
  "ssmmessages:OpenDataChannel",
];

/** What a role of the network may do, and the policies of AWS that it has. */
function rightsOf(evaluation: Evaluation, name: string) {
  const actions = permissions(evaluation)
    .filter(({ where }) => where.startsWith(name))
    .flatMap((statement) => statement.actions);
  const attached = ofType(evaluation, "aws:iam/rolePolicyAttachment:RolePolicyAttachment");
  const ofNetwork = attached.filter((attachment) => attachment.name.startsWith("Network"));
  return { actions, managed: input(named(evaluation, `${name}Role`), "managedPolicyArns") ?? [], ofNetwork };
}

describe("the VPC of a stage", () => {
  it("has the range of its settings, divided among its zones", async () => {
    const evaluation = await dev({ network: { range: "10.77.0.0/20", zones: 3 } });
    expect(input(named(evaluation, "NetworkVpc"), "cidrBlock")).toBe("10.77.0.0/20");
    const subnets = ofType(evaluation, "aws:ec2/subnet:Subnet").map(({ inputs }) => inputs["cidrBlock"]);
    expect(new Set(subnets)).toEqual(
      new Set(["10.77.0.0/23", "10.77.2.0/23", "10.77.4.0/23", "10.77.6.0/23", "10.77.8.0/23", "10.77.10.0/23"]),
    );
    expect(ofType(evaluation, "aws:ec2/instance:Instance")).toHaveLength(3);
  });

  it("sends each private subnet through the NAT instance of its own zone, with a fixed address", async () => {
    const evaluation = await dev({});
    for (const zone of [1, 2]) {
      const routes = input(named(evaluation, `NetworkPrivateRouteTable${zone}`), "routes");
      expect(routes).toEqual([{ cidrBlock: "0.0.0.0/0", networkInterfaceId: `eni-NetworkNatInstance${zone}` }]);
      const instance = named(evaluation, `NetworkNatInstance${zone}`);
      expect(input(instance, "subnetId")).toBe(`NetworkPublicSubnet${zone}-id`);
      expect(named(evaluation, `NetworkNatInstanceEipAssociation${zone}`).options.dependsOn).toContain(instance.name);
    }
  });

  it("refuses a region with too few zones, before anything is declared", async () => {
    const { errors, resources } = await evaluate({
      stage: "production",
      config: { stages: { production: { network: { zones: 4 } } } },
    });
    expect(errors).toEqual([expect.stringContaining("network.zones: 4; eu-central-1 has 3 availability zones")]);
    expect(resources.filter(({ isCustom, type }) => isCustom && type.startsWith("aws:"))).toEqual([]);
  });

  it("refuses zones by name that the region does not have, before anything is declared", async () => {
    const { errors, resources } = await evaluate({
      stage: "dev",
      config: { stages: { dev: { network: { zones: ["eu-central-1a", "eu-central-1x", "us-east-1a"] } } } },
    });
    expect(errors).toEqual([
      expect.stringContaining(
        "network.zones: eu-central-1x, us-east-1a; expected zones of eu-central-1: eu-central-1a,",
      ),
    ]);
    expect(resources.filter(({ isCustom, type }) => isCustom && type.startsWith("aws:"))).toEqual([]);
  });

  it("takes the zones of the region that are named", async () => {
    const subnets = ofType(
      await dev({ network: { zones: ["eu-central-1c", "eu-central-1a"] } }),
      "aws:ec2/subnet:Subnet",
    );
    expect(new Set(subnets.map((subnet) => input(subnet, "availabilityZone")))).toEqual(
      new Set(["eu-central-1c", "eu-central-1a"]),
    );
  });

  it("refuses another zone in the place of one where its subnets are, which would change nothing", async () => {
    await expect(evaluateWhole(placed("a", "b", "c"))).resolves.toBeDefined();
    for (const zones of [
      ["b", "a"],
      ["a", "c"],
    ]) {
      const { errors, resources } = await evaluate(placed(...zones));
      expect(errors).toEqual([expect.stringContaining("subnets are in eu-central-1a, eu-central-1b and stay there")]);
      expect(resources.filter(({ isCustom, type }) => isCustom && type.startsWith("aws:"))).toEqual([]);
    }
  });

  it("is refused for everything at once that AWS does not have", async () => {
    const network = { zones: 4, nat: { imageName: "withdrawn-*" } };
    const { errors } = await evaluate(devWith({ network, database: { version: "17.99" } }));
    expect(errors).toEqual([
      expect.stringMatching(/network\.zones: 4; [^]*network\.nat\.imageName: withdrawn[^]*database\.version: 17\.99/),
    ]);
  });

  it("refuses an image that is not to be found, and says what can be named instead", async () => {
    const { errors, resources } = await evaluate({
      stage: "dev",
      config: { stages: { dev: { network: { nat: { imageName: "withdrawn-*" } } } } },
    });
    expect(errors).toEqual([expect.stringMatching(/network\.nat\.imageName: withdrawn-\*; .*network\.nat\.imageId/)]);
    expect(resources.filter(({ isCustom, type }) => isCustom && type.startsWith("aws:"))).toEqual([]);
  });

  it("keeps its zones when the region's list of them is another one", async () => {
    const subnets = ofType(await dev({}), "aws:ec2/subnet:Subnet");
    expect(subnets).toHaveLength(4);
    for (const { options } of subnets) expect(options.ignoreChanges).toContain("availabilityZone");
  });

  it("renews the instance of one zone when it is asked to, and no other", async () => {
    const evaluation = await dev({ network: { nat: { renewZone: 2, imageId: "ami-00000000000000001" } } });
    expect(named(evaluation, "NetworkNatInstance1").options.ignoreChanges).toEqual(["ami", "userData", "keyName"]);
    const renewed = named(evaluation, "NetworkNatInstance2");
    expect(renewed.options.ignoreChanges).toEqual([]);
    expect(renewed.inputs).toMatchObject({ ami: "ami-00000000000000001", userDataReplaceOnChange: true });
  });
});

describe("what watches the network", () => {
  it("writes down what was let through and what was refused", async () => {
    const evaluation = await evaluateWhole({ stage: "production" });
    expect(input(named(evaluation, "NetworkFlow"), "trafficType")).toBe("ALL");
  });

  it("moves an instance whose host is broken, and starts one anew that is broken itself", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    const shared = { namespace: "AWS/EC2", comparisonOperator: "GreaterThanOrEqualToThreshold", threshold: 1 };
    const dimensions = { InstanceId: "NetworkNatInstance2-id" };
    expect(named(evaluation, "NetworkNat2Recover").inputs).toMatchObject({
      ...shared,
      dimensions,
      metricName: "StatusCheckFailed_System",
      alarmActions: ["arn:aws:automate:eu-central-1:ec2:recover"],
    });
    expect(named(evaluation, "NetworkNat2Reboot").inputs).toMatchObject({
      ...shared,
      dimensions,
      metricName: "StatusCheckFailed_Instance",
      alarmActions: ["arn:aws:automate:eu-central-1:ec2:reboot"],
    });
  });
});

describe("the bastion", () => {
  it("is reached through SSM: the agent runs, SSH does not, and nobody comes in from outside of the VPC", async () => {
    const evaluation = await dev({});
    expect(rightsOf(evaluation, "NetworkNatInstance")).toEqual({ actions: sessionActions, managed: [], ofNetwork: [] });
    const userData = input(named(evaluation, "NetworkNatInstance1"), "userData");
    expect(userData).toContain("systemctl enable --now amazon-ssm-agent");
    expect(userData).toContain("systemctl mask --now sshd");
    expect(input(named(evaluation, natGroup), "ingress")).toEqual([
      expect.objectContaining({ protocol: "-1", cidrBlocks: ["10.42.0.0/16"] }),
    ]);
  });

  it("is reached through SSH from the named ranges only, where the stage wants sst tunnel", async () => {
    const evaluation = await dev({ network: { bastion: "ssh", sshFrom: ["203.0.113.7/32"] } });
    expect(input(named(evaluation, natGroup), "ingress")).toEqual([
      expect.objectContaining({ protocol: "-1", cidrBlocks: ["10.42.0.0/16"] }),
      expect.objectContaining({ protocol: "tcp", fromPort: 22, toPort: 22, cidrBlocks: ["203.0.113.7/32"] }),
    ]);
    expect(ofType(evaluation, "aws:ec2/keyPair:KeyPair")).toHaveLength(1);
    const userData = input(named(evaluation, "NetworkNatInstance1"), "userData");
    expect(userData).toContain("systemctl unmask sshd");
    expect(userData).not.toContain("mask --now sshd");
  });

  it("of another kind replaces no instance by itself: a key pair would, with what the first start left of SSH", async () => {
    for (const network of [{}, { bastion: "ssh", sshFrom: ["203.0.113.7/32"] }]) {
      const instances = ofType(await dev({ network }), "aws:ec2/instance:Instance");
      expect(instances).toHaveLength(2);
      for (const { options } of instances) expect(options.ignoreChanges).toContain("keyName");
    }
  });

  it("is none: the instances have neither the agent nor the right to use it", async () => {
    const evaluation = await dev({ network: { bastion: "none" } });
    expect(rightsOf(evaluation, "NetworkNatInstance")).toEqual({ actions: [], managed: [], ofNetwork: [] });
    const userData = input(named(evaluation, "NetworkNatInstance1"), "userData");
    expect(userData).toContain("systemctl mask --now amazon-ssm-agent");
    expect(userData).not.toContain("enable");
  });
});

describe("a VPC that is there already", () => {
  const vpcId = "vpc-0123456789abcdef0";
  const existing = (...privateSubnetIds: string[]) => ({ network: { existing: { vpcId, privateSubnetIds } } });

  it("is used as it is, with a bastion in its first private subnet", async () => {
    const evaluation = await dev(existing("subnet-private-a", "subnet-private-b"));
    for (const type of ["vpc:Vpc", "subnet:Subnet", "routeTable:RouteTable", "internetGateway:InternetGateway"]) {
      expect(ofType(evaluation, `aws:ec2/${type}`)).toEqual([]);
    }
    expect(evaluation.outputs["vpc"]?.value).toBe(vpcId);
    expect(named(evaluation, "NetworkBastionInstance").inputs).toMatchObject({
      subnetId: "subnet-private-a",
      vpcSecurityGroupIds: ["NetworkBastion-id"],
    });
    expect(rightsOf(evaluation, "NetworkBastion")).toEqual({ actions: sessionActions, managed: [], ofNetwork: [] });
    const ingress = ofType(evaluation, "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule");
    expect(ingress.filter((rule) => input(rule, "securityGroupId") === "NetworkBastion-id")).toEqual([]);
    // Its agent reaches SSM, and it the database.
    const egress = ofType(evaluation, "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule");
    const out = egress.filter((rule) => input(rule, "securityGroupId") === "NetworkBastion-id");
    expect(out.map((rule) => input(rule, "toPort"))).toEqual([443, 5432]);
  });

  it("may have no way out where the settings say that it has endpoints", async () => {
    const isolated = { vpcId, privateSubnetIds: ["subnet-isolated-a", "subnet-isolated-b"], isolated: true };
    await expect(dev({ network: { existing: isolated } })).resolves.toBeDefined();
  });

  it.each([
    ["a public subnet", existing("subnet-private-a", "subnet-public-b"), "subnet-public-b is public"],
    [
      "a subnet that follows a public main route table",
      existing("subnet-private-a", "subnet-main-b"),
      "subnet-main-b is public",
    ],
    [
      "a subnet that is not there",
      existing("subnet-private-a", "subnet-gone-b"),
      "network.existing.privateSubnetIds: subnet-gone-b: there is no such subnet, or it could not be looked up",
    ],
    [
      "a subnet without a way out",
      existing("subnet-private-a", "subnet-isolated-b"),
      "subnet-isolated-b has no way out: its route table has no route for 0.0.0.0/0",
    ],
    ["subnets of one zone", existing("subnet-private-a", "subnet-other-a"), "expected two zones or more"],
    [
      "subnets of another VPC",
      { network: { existing: { vpcId: "vpc-9", privateSubnetIds: ["subnet-private-a", "subnet-private-b"] } } },
      "subnet-private-a is in vpc-0123456789abcdef0, not in vpc-9",
    ],
  ])("is refused with %s, before anything is declared", async (_why, overrides, problem) => {
    const { errors, resources } = await evaluate({ stage: "dev", config: { stages: { dev: overrides } } });
    expect(errors).toEqual([expect.stringContaining(problem)]);
    expect(resources.filter(({ type }) => type.startsWith("aws:"))).toEqual([]);
  });
});

describe("a stage whose settings are refused", () => {
  it("declares nothing and says why", async () => {
    const { errors, resources } = await evaluate({ stage: "local" });
    expect(errors).toEqual([expect.stringContaining("is kept for the stage that `postern local` runs")]);
    expect(resources).toEqual([]);
  });
});
