import {
  appName,
  carrySessionsActions,
  functionName,
  functionParts,
  instanceIdentifier,
  stageRolePath,
} from "#lib/contract.ts";
import type { Statement } from "../statement.ts";
import { arn, iamArn } from "../arn.ts";
import { ownStage } from "../own-stage.ts";
import type { Account } from "../settings.ts";
import { bucketsOf } from "./place.ts";

type Place = Pick<Account, "id" | "region" | "partition">;

/**
 * The most that a role of a stage may ever do, whatever its policies say: what the functions, the long-run task, the NAT instances,
 * the proxy, monitoring and flow logs need, for their own stage. One for the account: stages are told apart
 *
 * 1. by the tag that every role has, which whoever deploys can only set to a stage of his (`deploy/roles.ts`),
 * 2. and by the role's path, which has to be that stage's. Whoever deploys says who may take a role, and may let him send tags along
 *    (`sts:TagSession`): those go before the role's own.
 *    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
 */
export function boundary(account: Place): readonly Statement[] {
  // Names to the letter, or up to a slash: `postern-${stage}-*` would be what belongs to the stage `eu-west` for the stage `eu`, too.
  const functionLogs = functionParts.map((part) => `/aws/lambda/${functionName(ownStage, part)}:*`);
  const belowOwnPath = { "aws:PrincipalArn": iamArn(account, `role${stageRolePath(ownStage)}*`) };
  return [
    {
      Sid: "OwnLogs",
      Effect: "Allow",
      Action: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
      Resource: [...functionLogs, `/${appName}/${ownStage}/*`].map((name) => arn(account, "logs", `log-group:${name}`)),
      Condition: { ArnLike: belowOwnPath },
    },
    {
      // Enhanced monitoring writes into one group for all instances, a stream each.
      Sid: "MonitoringLog",
      Effect: "Allow",
      Action: [
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "logs:DescribeLogStreams",
        "logs:GetLogEvents",
      ],
      Resource: arn(account, "logs", "log-group:RDSOSMetrics*"),
    },
    {
      Sid: "OwnSecrets",
      Effect: "Allow",
      Action: [
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
      ],
      Resource: arn(account, "secretsmanager", `secret:${appName}/${ownStage}/*`),
      Condition: { ArnLike: belowOwnPath },
    },
    {
      // RDS says on the master's secret which instance it belongs to.
      Sid: "OwnMasterSecret",
      Effect: "Allow",
      Action: "secretsmanager:GetSecretValue",
      Resource: arn(account, "secretsmanager", "secret:rds!db-*"),
      Condition: {
        ArnLike: belowOwnPath,
        ArnEquals: {
          "aws:ResourceTag/aws:rds:primaryDBInstanceArn": arn(account, "rds", `db:${instanceIdentifier(ownStage)}`),
        },
      },
    },
    {
      Sid: "SecretsKeys",
      Effect: "Allow",
      Action: "kms:Decrypt",
      Resource: arn(account, "kms", "key/*"),
      Condition: { StringEquals: { "kms:ViaService": `secretsmanager.${account.region}.${dnsSuffix(account)}` } },
    },
    {
      Sid: "OwnBuckets",
      Effect: "Allow",
      Action: ["s3:ListBucket", "s3:GetObject"],
      Resource: bucketsOf(account, ownStage),
      Condition: { ArnLike: belowOwnPath },
    },
    {
      // Of functions in a VPC; AWS takes no resource. The roles' own policies deny them to the code.
      Sid: "NetworkInterfaces",
      Effect: "Allow",
      Action: [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ],
      Resource: "*",
    },
    {
      // Of the agent on a NAT instance. The channels take no resource; who the agent speaks for is AWS's to check.
      Sid: "CarrySessions",
      Effect: "Allow",
      Action: carrySessionsActions,
      Resource: "*",
    },
  ];
}

function dnsSuffix({ partition }: Place): string {
  return partition === "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com";
}
