export type Statement = {
  readonly Sid: string;
  readonly Effect?: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: $util.Input<string> | readonly $util.Input<string>[];
  readonly Condition?: Record<string, unknown>;
};

type Service =
  | "lambda.amazonaws.com"
  | "ecs-tasks.amazonaws.com"
  | "ec2.amazonaws.com"
  | "rds.amazonaws.com"
  | "vpc-flow-logs.amazonaws.com";

type RoleOptions = {
  /** What the service acts for, `*` allowed; only where AWS documents that it says so. Default: anything of the account. */
  readonly sourceArn?: $util.Input<string>;
  /** In its ARN, so that a policy can name it; default `/`. Another one makes the role anew. */
  readonly path?: string;
};

/** A role for one service of AWS and nobody else, with one inline policy. What uses it depends on the policy. */
export function createRole(
  name: string,
  service: Service,
  statements: readonly Statement[],
  { sourceArn, path }: RoleOptions = {},
) {
  const conditions = {
    ...(saysForWhom(service) ? onlyThisAccount() : {}),
    ...(sourceArn === undefined ? {} : { ArnLike: { "aws:SourceArn": sourceArn } }),
  };
  const trust = { Effect: "Allow", Principal: { Service: service }, Action: "sts:AssumeRole" };
  const isLimited = Object.keys(conditions).length > 0;
  const role = new aws.iam.Role(`${name}Role`, {
    ...(path === undefined ? {} : { path }),
    assumeRolePolicy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [isLimited ? { ...trust, Condition: conditions } : trust],
    }),
  });
  const policy = new aws.iam.RolePolicy(`${name}Policy`, {
    role: role.id,
    policy: $jsonStringify(policyDocument(statements)),
  });
  return { role, policy };
}

/** So that the service cannot be led to act here for somebody else ("confused deputy"). */
function onlyThisAccount() {
  return { StringEquals: { "aws:SourceAccount": aws.getCallerIdentityOutput().accountId } };
}

/**
 * Whether a service says for which account it takes a role (`aws:SourceAccount`). A condition on what it does not say would
 * keep it from taking the role at all. Nobody can give a role of ours to a service in another account in any case:
 * `iam:PassRole` does not reach across accounts.
 */
function saysForWhom(service: Service): boolean {
  switch (service) {
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    case "ecs-tasks.amazonaws.com":
      return true;
    // In no page on execution roles, but in the trust policies that AWS gives with its own examples. That it names the
    // function (`aws:SourceArn`) is documented nowhere.
    case "lambda.amazonaws.com":
      return true;
    // https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
    case "vpc-flow-logs.amazonaws.com":
      return true;
    // Of RDS Proxy, whose page has no such condition: where it did not say for whom it acts, it could not log in.
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-iam-setup.html
    case "rds.amazonaws.com":
      return false;
    // Instances are given their roles without either.
    case "ec2.amazonaws.com":
      return false;
    default:
      return service satisfies never;
  }
}

/** Statements allow unless they say otherwise. */
export function policyDocument(statements: readonly Statement[]) {
  return { Version: "2012-10-17", Statement: statements.map((statement) => ({ Effect: "Allow", ...statement })) };
}

/** Secrets Manager's own key encrypts them, which needs no permission beside; another one does (`mayDecryptSecrets`). */
export function mayReadSecrets(arns: readonly $util.Input<string>[]): Statement {
  return { Sid: "ReadSecrets", Action: ["secretsmanager:GetSecretValue"], Resource: arns };
}

/** A key that encrypts secrets which the role may read: through Secrets Manager, and for nothing else. */
export function mayDecryptSecrets(keyArn: $util.Input<string>): Statement {
  const { region } = aws.getRegionOutput();
  const { dnsSuffix } = aws.getPartitionOutput();
  return {
    Sid: "DecryptSecrets",
    Action: ["kms:Decrypt"],
    Resource: keyArn,
    Condition: { StringEquals: { "kms:ViaService": $interpolate`secretsmanager.${region}.${dnsSuffix}` } },
  };
}

/** A first password, and the two steps of a rotation. */
export function mayWriteSecrets(arns: readonly $util.Input<string>[]): Statement {
  return {
    Sid: "WriteSecrets",
    Action: ["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"],
    Resource: arns,
  };
}

/** Into one log group, which is there already. */
export function mayWriteLog(logGroupArn: $util.Input<string>): Statement {
  return {
    Sid: "WriteLog",
    Action: ["logs:CreateLogStream", "logs:PutLogEvents"],
    Resource: $interpolate`${logGroupArn}:*`,
  };
}

const networkInterfaceActions = [
  "ec2:CreateNetworkInterface",
  "ec2:DescribeNetworkInterfaces",
  "ec2:DescribeSubnets",
  "ec2:DeleteNetworkInterface",
  "ec2:AssignPrivateIpAddresses",
  "ec2:UnassignPrivateIpAddresses",
];

/**
 * Lambda makes a function's network interfaces with the role of the function, and takes no policy that names resources.
 * The function's own code is denied the same: Lambda sets the condition key for calls from inside of it alone.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
 */
export function networkInterfaces(functionArn: $util.Input<string>): readonly Statement[] {
  return [
    { Sid: "NetworkInterfaces", Action: networkInterfaceActions, Resource: "*" },
    {
      Sid: "NetworkInterfacesNotFromCode",
      Effect: "Deny",
      Action: networkInterfaceActions,
      Resource: "*",
      Condition: { ArnEquals: { "lambda:SourceFunctionArn": functionArn } },
    },
  ];
}
