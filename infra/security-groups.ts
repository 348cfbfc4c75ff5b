type GroupOptions = {
  /** Logical name; begins with its part. */
  readonly name: string;
  readonly vpcId: $util.Input<string>;
  /** What is in it. AWS shows it and cannot change it later. */
  readonly description: string;
  /** Stays when the stage is removed: for groups of what stays, which AWS would not let go. */
  readonly isKept?: boolean;
};

/** A group of one part, which lets nothing in and nothing out. Its rules are resources of their own. */
export function createGroup({ name, vpcId, description, isKept = false }: GroupOptions): aws.ec2.SecurityGroup {
  const physicalName = `${$app.name}-${$app.stage}-${name}`;
  return new aws.ec2.SecurityGroup(
    name,
    { namePrefix: `${physicalName}-`, description, vpcId, tags: { Name: physicalName } },
    { retainOnDelete: isKept },
  );
}

type Connection = {
  /** Logical name of the rule, to which `In` and `Out` are added. Begins with a part. */
  readonly name: string;
  /** Ids of groups. */
  readonly from: $util.Input<string>;
  readonly to: $util.Input<string>;
  readonly port: number;
  /** Who needs it, and for what. */
  readonly description: string;
};

/** Lets one group of ours open TCP connections to another, on one port: out of the one, into the other. */
export function allow(connection: Connection): readonly $util.Resource[] {
  const { name, from, to, port, description } = connection;
  const out = new aws.vpc.SecurityGroupEgressRule(`${name}Out`, {
    securityGroupId: from,
    referencedSecurityGroupId: to,
    ipProtocol: "tcp",
    fromPort: port,
    toPort: port,
    description,
  });
  return [out, allowIn(connection)];
}

/** The second half of `allow`, for a group that may open connections to anywhere already, as SST's for NAT instances. */
export function allowIn({ name, from, to, port, description }: Connection): $util.Resource {
  return new aws.vpc.SecurityGroupIngressRule(`${name}In`, {
    securityGroupId: to,
    referencedSecurityGroupId: from,
    ipProtocol: "tcp",
    fromPort: port,
    toPort: port,
    description,
  });
}

/** Lets a group reach HTTPS anywhere: the addresses of AWS's endpoints are not fixed. */
export function allowHttpsOut(name: string, from: $util.Input<string>): $util.Resource {
  return new aws.vpc.SecurityGroupEgressRule(name, {
    securityGroupId: from,
    cidrIpv4: "0.0.0.0/0",
    ipProtocol: "tcp",
    fromPort: 443,
    toPort: 443,
    description: "AWS endpoints",
  });
}
