import { describe, expect, it } from "vitest";
import { evaluate, evaluateWhole } from "../support/sst/evaluate.ts";
import type { Evaluation } from "../support/sst/recorded.ts";
import { declaredInAws, input, named, ofType } from "./rules/rule.ts";
import { permissions } from "./rules/statements.ts";
import { dev, everythingWithSsh, existing, existingVpcId, stage } from "./stages.ts";

/** A stage that was deployed before, into the first two zones. */
const placed = (...zones: string[]) =>
  stage("placed", { network: { zones: zones.map((zone) => `eu-central-1${zone}`) } });

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
  const nat = { renewZone: 2, imageId: "ami-00000000000000001" };
  const renewing = dev({ network: { range: "10.77.0.0/20", zones: 3, nat } });

  it("has the range of its settings, divided among its zones", async () => {
    const evaluation = await evaluateWhole(renewing);
    expect(input(named(evaluation, "NetworkVpc"), "cidrBlock")).toBe("10.77.0.0/20");
    const subnets = ofType(evaluation, "aws:ec2/subnet:Subnet").map(({ inputs }) => inputs["cidrBlock"]);
    expect(new Set(subnets)).toEqual(
      new Set(["10.77.0.0/23", "10.77.2.0/23", "10.77.4.0/23", "10.77.6.0/23", "10.77.8.0/23", "10.77.10.0/23"]),
    );
    expect(ofType(evaluation, "aws:ec2/instance:Instance")).toHaveLength(3);
  });

  it("sends each private subnet through the NAT instance of its own zone, with a fixed address", async () => {
    const evaluation = await evaluateWhole({ stage: "dev" });
    for (const zone of [1, 2]) {
      const routes = input(named(evaluation, `NetworkPrivateRouteTable${zone}`), "routes");
      expect(routes).toEqual([{ cidrBlock: "0.0.0.0/0", networkInterfaceId: `eni-NetworkNatInstance${zone}` }]);
      const instance = named(evaluation, `NetworkNatInstance${zone}`);
      expect(input(instance, "subnetId")).toBe(`NetworkPublicSubnet${zone}-id`);
      expect(named(evaluation, `NetworkNatInstanceEipAssociation${zone}`).options.dependsOn).toContain(instance.name);
    }
  });

  it("refuses a region with too few zones, before anything is declared", async () => {
    const evaluation = await evaluate(stage("production", { network: { zones: 4 } }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining("network.zones: 4; eu-central-1 has 3 availability zones"),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is put where its NAT instances can be had, and never into a zone without RDS Proxy", async () => {
    const evaluation = await evaluateWhole(dev({ network: { nat: { instanceType: "c7g.nano" } } }));
    const subnets = ofType(evaluation, "aws:ec2/subnet:Subnet");
    expect(new Set(subnets.map((subnet) => input(subnet, "availabilityZone")))).toEqual(
      new Set(["eu-central-1b", "eu-central-1c"]),
    );
  });

  it.each([
    [{ zones: ["eu-central-1a", "eu-central-1d"] }, "network.zones: eu-central-1d; RDS Proxy is not there"],
    [
      { zones: ["eu-central-1a", "eu-central-1b"], nat: { instanceType: "c7g.nano" } },
      "network.nat.instanceType: c7g.nano; EC2 does not offer it in eu-central-1a",
    ],
    [{ zones: 3, nat: { instanceType: "c7g.nano" } }, "network.zones: 3; eu-central-1 has 2 availability zones"],
  ])("refuses zones that it cannot use, before anything is declared: %j", async (network, problem) => {
    const evaluation = await evaluate(dev({ network }));
    expect(evaluation.errors).toEqual([expect.stringContaining(problem)]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("refuses a type for NAT instances that is not offered where they are, and would stop them for nothing", async () => {
    const evaluation = await evaluate(stage("placed", { network: { nat: { instanceType: "c7g.nano" } } }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining("network.nat.instanceType: c7g.nano; EC2 does not offer it in eu-central-1a, where"),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("refuses zones by name that the region does not have, before anything is declared", async () => {
    const zones = ["eu-central-1a", "eu-central-1x", "us-east-1a"];
    const evaluation = await evaluate(dev({ network: { zones } }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining(
        "network.zones: eu-central-1x, us-east-1a; expected zones of eu-central-1: eu-central-1a,",
      ),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("takes the zones of the region that are named", async () => {
    const evaluation = await evaluateWhole(dev({ network: { zones: ["eu-central-1c", "eu-central-1a"] } }));
    const subnets = ofType(evaluation, "aws:ec2/subnet:Subnet");
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
      const evaluation = await evaluate(placed(...zones));
      expect(evaluation.errors).toEqual([
        expect.stringContaining("subnets are in eu-central-1a, eu-central-1b and stay there"),
      ]);
      expect(declaredInAws(evaluation)).toEqual([]);
    }
  });

  it("is refused for everything at once that AWS does not have", async () => {
    const network = { zones: 4, nat: { imageName: "withdrawn-*" } };
    const { errors } = await evaluate(dev({ network, database: { version: "17.99" } }));
    expect(errors).toEqual([
      expect.stringMatching(/network\.zones: 4; [^]*network\.nat\.imageName: withdrawn[^]*database\.version: 17\.99/),
    ]);
  });

  it("refuses an image that is not to be found, and says what can be named instead", async () => {
    const evaluation = await evaluate(dev({ network: { nat: { imageName: "withdrawn-*" } } }));
    expect(evaluation.errors).toEqual([
      expect.stringMatching(/network\.nat\.imageName: withdrawn-\*; .*network\.nat\.imageId/),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("keeps its zones when the region's list of them is another one", async () => {
    const subnets = ofType(await evaluateWhole({ stage: "dev" }), "aws:ec2/subnet:Subnet");
    expect(subnets).toHaveLength(4);
    for (const { options } of subnets) expect(options.ignoreChanges).toContain("availabilityZone");
  });

  it("renews the instance of one zone when it is asked to, and no other", async () => {
    const evaluation = await evaluateWhole(renewing);
    for (const kept of ["NetworkNatInstance1", "NetworkNatInstance3"]) {
      expect(named(evaluation, kept).options.ignoreChanges).toEqual(["ami", "userData", "keyName"]);
    }
    const renewed = named(evaluation, "NetworkNatInstance2");
    expect(renewed.options.ignoreChanges).toEqual([]);
    expect(renewed.inputs).toMatchObject({ ami: nat.imageId, userDataReplaceOnChange: true });
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
    const evaluation = await evaluateWhole({ stage: "dev" });
    expect(rightsOf(evaluation, "NetworkNatInstance")).toEqual({ actions: sessionActions, managed: [], ofNetwork: [] });
    const userData = input(named(evaluation, "NetworkNatInstance1"), "userData");
    expect(userData).toContain("systemctl enable --now amazon-ssm-agent");
    expect(userData).toContain("systemctl mask --now sshd");
    expect(input(named(evaluation, natGroup), "ingress")).toEqual([
      expect.objectContaining({ protocol: "-1", cidrBlocks: ["10.42.0.0/16"] }),
    ]);
  });

  it("is reached through SSH from the named ranges only, where the stage wants sst tunnel", async () => {
    const evaluation = await evaluateWhole(everythingWithSsh);
    expect(input(named(evaluation, natGroup), "ingress")).toEqual([
      expect.objectContaining({ protocol: "-1", cidrBlocks: ["10.42.0.0/16"] }),
      expect.objectContaining({
        protocol: "tcp",
        fromPort: 22,
        toPort: 22,
        cidrBlocks: ["203.0.113.7/32", "198.51.100.0/24"],
      }),
    ]);
    expect(ofType(evaluation, "aws:ec2/keyPair:KeyPair")).toHaveLength(1);
    const userData = input(named(evaluation, "NetworkNatInstance1"), "userData");
    expect(userData).toContain("systemctl unmask sshd");
    expect(userData).not.toContain("mask --now sshd");
  });

  it("of another kind replaces no instance by itself: a key pair would, with what the first start left of SSH", async () => {
    for (const network of [{}, { bastion: "ssh", sshFrom: ["203.0.113.7/32"] }]) {
      const instances = ofType(await evaluateWhole(dev({ network })), "aws:ec2/instance:Instance");
      expect(instances).toHaveLength(2);
      for (const { options } of instances) expect(options.ignoreChanges).toContain("keyName");
    }
  });

  it("is none: the instances have neither the agent nor the right to use it", async () => {
    const evaluation = await evaluateWhole(dev({ network: { bastion: "none" } }));
    expect(rightsOf(evaluation, "NetworkNatInstance")).toEqual({ actions: [], managed: [], ofNetwork: [] });
    const userData = input(named(evaluation, "NetworkNatInstance1"), "userData");
    expect(userData).toContain("systemctl mask --now amazon-ssm-agent");
    expect(userData).not.toContain("enable");
  });
});

describe("a VPC that is there already", () => {
  it("is used as it is, with a bastion in its first private subnet", async () => {
    const evaluation = await evaluateWhole(dev({ network: { existing } }));
    for (const type of ["vpc:Vpc", "subnet:Subnet", "routeTable:RouteTable", "internetGateway:InternetGateway"]) {
      expect(ofType(evaluation, `aws:ec2/${type}`)).toEqual([]);
    }
    expect(evaluation.outputs["vpc"]?.value).toBe(existingVpcId);
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
    const privateSubnetIds = ["subnet-isolated-a", "subnet-isolated-b"];
    const isolated = { vpcId: existingVpcId, privateSubnetIds, isolated: true };
    await expect(evaluateWhole(dev({ network: { existing: isolated } }))).resolves.toBeDefined();
  });

  it("is refused with a subnet without a way out, before anything is declared", async () => {
    const privateSubnetIds = ["subnet-private-a", "subnet-isolated-b"];
    const evaluation = await evaluate(dev({ network: { existing: { vpcId: existingVpcId, privateSubnetIds } } }));
    const problem = "subnet-isolated-b has no way out: its route table has no route for 0.0.0.0/0";
    expect(evaluation.errors).toEqual([expect.stringContaining(problem)]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is refused with subnets that are public or all in one zone, before anything is declared", async () => {
    // The route table of the one is public, and so is the main one, which the other has.
    const privateSubnetIds = ["subnet-public-b", "subnet-main-b"];
    const evaluation = await evaluate(dev({ network: { existing: { vpcId: existingVpcId, privateSubnetIds } } }));
    expect(evaluation.errors).toEqual([
      expect.stringMatching(/subnet-public-b is public.*subnet-main-b is public.*expected two zones or more/),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is refused for a proxy with a subnet in a zone without RDS Proxy, which would make it anew in each deploy", async () => {
    const subnets = {
      vpcId: existingVpcId,
      privateSubnetIds: ["subnet-private-a", "subnet-private-b", "subnet-private-d"],
    };
    const evaluation = await evaluate(dev({ proxy: { enabled: true }, network: { existing: subnets } }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining("subnet-private-d is in use1-az3 (eu-central-1d), where RDS Proxy is not"),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
    await expect(evaluateWhole(dev({ network: { existing: subnets } }))).resolves.toBeDefined();
  });

  it("is refused with a type for the bastion that is not offered where it is put, before anything is declared", async () => {
    const network = { existing, nat: { instanceType: "c7g.nano" } };
    const evaluation = await evaluate(dev({ network }));
    expect(evaluation.errors).toEqual([
      expect.stringContaining("network.nat.instanceType: c7g.nano; EC2 does not offer it in eu-central-1a, where the"),
    ]);
    expect(declaredInAws(evaluation)).toEqual([]);
    const privateSubnetIds = ["subnet-private-b", "subnet-private-a"];
    await expect(
      evaluateWhole(dev({ network: { ...network, existing: { ...existing, privateSubnetIds } } })),
    ).resolves.toBeDefined();
  });

  it("is refused with a subnet that is not there, before anything is declared", async () => {
    const privateSubnetIds = ["subnet-private-a", "subnet-gone-b"];
    const evaluation = await evaluate(dev({ network: { existing: { vpcId: existingVpcId, privateSubnetIds } } }));
    const problem =
      "network.existing.privateSubnetIds: subnet-gone-b: there is no such subnet, or it could not be looked up";
    expect(evaluation.errors).toEqual([expect.stringContaining(problem)]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });

  it("is refused with subnets of another one, before anything is declared", async () => {
    const evaluation = await evaluate(dev({ network: { existing: { ...existing, vpcId: "vpc-9" } } }));
    const problem = `subnet-private-a is in ${existingVpcId}, not in vpc-9`;
    expect(evaluation.errors).toEqual([expect.stringContaining(problem)]);
    expect(declaredInAws(evaluation)).toEqual([]);
  });
});

describe("a stage whose database is there", () => {
  it.each([
    [
      stage("running", { network: { range: "10.43.0.0/16" } }),
      "network.range: 10.43.0.0/16, but the stage's VPC, vpc-of-running, has 10.42.0.0/16",
    ],
    [
      stage("running", { network: { existing } }),
      `network.existing.vpcId: ${existingVpcId}, but the stage's database is in vpc-of-running`,
    ],
    [
      stage("guest", { network: { range: "10.9.0.0/16" } }),
      `network.existing: is missing, but the stage's database is in ${existingVpcId}`,
    ],
  ])(
    "is refused another network, to which RDS moves nothing, before anything is declared: %j",
    async (options, problem) => {
      const evaluation = await evaluate(options);
      expect(evaluation.errors).toEqual([expect.stringContaining(problem)]);
      expect(declaredInAws(evaluation)).toEqual([]);
    },
  );

  it("keeps the network that it has", async () => {
    await expect(evaluateWhole(stage("guest", { network: { existing } }))).resolves.toBeDefined();
  });
});

describe("a stage whose settings are refused", () => {
  it("declares nothing and says why", async () => {
    const { errors, resources } = await evaluate({ stage: "local" });
    expect(errors).toEqual([expect.stringContaining("is kept for the stage that `postern local` runs")]);
    expect(resources).toEqual([]);
  });
});
