export type Statement = {
  readonly Sid: string;
  readonly Effect?: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource: $util.Input<string> | readonly $util.Input<string>[];
  readonly Condition?: Record<string, unknown>;
};

/** A role for one service of AWS and nobody else, with one inline policy. What uses it depends on the policy. */
export function createRole(name: string, service: string, statements: readonly Statement[], conditions?: object) {
  const role = new aws.iam.Role(`${name}Role`, {
    assumeRolePolicy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Service: service },
          Action: "sts:AssumeRole",
          ...(conditions === undefined ? {} : { Condition: conditions }),
        },
      ],
    }),
  });
  const policy = new aws.iam.RolePolicy(`${name}Policy`, {
    role: role.id,
    policy: $jsonStringify(policyDocument(statements)),
  });
  return { role, policy };
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
