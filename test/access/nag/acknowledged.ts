/** Why what cdk-nag finds is meant so. It has one rule for policies (IAM5): no wildcard without a reason. */
const because = {
  defaultGroup: "AWS makes a VPC's default group without tags: limited to groups without ours (docs/access.md)",
  defaultOptions: "RDS's own option groups, one for each version: an instance names it, and nobody changes it",
  keys: "AWS knows a key by a number that is not known before it is there; through Secrets Manager alone, or to be described",
  lookUp: "AWS takes no resource for these; they read, and nothing that is secret",
  lookUpOrTags: "to look up, for which AWS takes no resource; else limited by the tags of app and stage",
  masterSecret: "RDS makes the end of its name; to make it, or limited by the instance that RDS has put on it",
  monitoring: "RDS writes into one group for all instances, a stream each",
  noResource: "AWS takes no resource for these actions, or their tags limit them",
  ownEnd: "what is before it says the stage, or the person, of whoever asks; the end is made by AWS or by the stage",
  serviceRole: "the service is named in the condition; AWS makes these roles, once for an account",
  sessionTag: "AWS makes the end of a session's name; limited by the tag that says whose it is",
  stageName: "what is before it, or after, says the stage of the environment; the rest is made by AWS or by the stage",
  stateBucket:
    "SST makes the end of the bucket's name; the key in it says app and stage. Listing shows names of others, and no contents",
  tags: "an id says nothing: limited by the tags of app and stage",
  targetGroup: "RDS gives it neither name nor tags: three actions reach every proxy of the account (docs/access.md)",
  untaggable: "only for RunInstances: an image is somebody else's, and the others go with their instance",
} as const;

const network = {
  "AwsSolutions-IAM5[Action::ec2:Describe*]": because.lookUp,
  "AwsSolutions-IAM5[Resource::*]": because.lookUpOrTags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1::image/*]": because.untaggable,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:elastic-ip/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:instance/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:internet-gateway/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:key-pair/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:network-interface/*]": because.untaggable,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:route-table/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:security-group-rule/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:security-group/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:subnet/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:volume/*]": because.untaggable,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:vpc-endpoint/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:vpc-flow-log/*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:vpc/*]": because.tags,
};

const tags = {
  "AwsSolutions-IAM5[Resource::*]": because.tags,
  "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:security-group/*]": because.defaultGroup,
};

/** By the policy, which is the same in each account, and the finding. */
export const acknowledged: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Boundary: {
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:kms:eu-central-1:ACCOUNT:key/*]": because.keys,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/lambda/postern-<aws:PrincipalTag/postern:stage>-health:*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/lambda/postern-<aws:PrincipalTag/postern:stage>-inspect:*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/lambda/postern-<aws:PrincipalTag/postern:stage>-runner:*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/postern/<aws:PrincipalTag/postern:stage>/*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:RDSOSMetrics*]": because.monitoring,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::postern-<aws:PrincipalTag/postern:stage>-code-ACCOUNT-*]": because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::postern-<aws:PrincipalTag/postern:stage>-seeds-ACCOUNT-*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:secretsmanager:eu-central-1:ACCOUNT:secret:postern/<aws:PrincipalTag/postern:stage>/*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:secretsmanager:eu-central-1:ACCOUNT:secret:rds!db-*]": because.masterSecret,
  },
  PosternDeveloper: {
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:instance/*]": because.tags,
    "AwsSolutions-IAM5[Resource::arn:aws:ssm:eu-central-1:ACCOUNT:session/*]": because.sessionTag,
    "AwsSolutions-IAM5[Resource::arn:aws:ssm:eu-central-1:ACCOUNT:session/<aws:userid>-*]": because.ownEnd,
  },
  PosternDoctor: {
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/rds/proxy/postern-<aws:PrincipalTag/postern:stage>:*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:secretsmanager:eu-central-1:ACCOUNT:secret:postern/<aws:PrincipalTag/postern:stage>/*]":
      because.ownEnd,
  },
  PosternLongRun: {
    "AwsSolutions-IAM5[Resource::arn:aws:ecs:eu-central-1:ACCOUNT:task-definition/postern-<aws:PrincipalTag/postern:stage>-long-run:*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:ecs:eu-central-1:ACCOUNT:task/postern-<aws:PrincipalTag/postern:stage>/*]":
      because.ownEnd,
    "AwsSolutions-IAM5[Resource::arn:aws:iam::ACCOUNT:role/postern/<aws:PrincipalTag/postern:stage>/long-run/*]":
      because.ownEnd,
  },
  PosternOperator: {
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:instance/*]": because.tags,
    "AwsSolutions-IAM5[Resource::arn:aws:ssm:eu-central-1:ACCOUNT:session/*]": because.sessionTag,
    "AwsSolutions-IAM5[Resource::arn:aws:ssm:eu-central-1:ACCOUNT:session/<aws:userid>-*]": because.ownEnd,
  },
  PosternRepairNat: {
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:elastic-ip/*]": because.tags,
    "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:instance/*]": because.tags,
    "AwsSolutions-IAM5[Resource::arn:aws:ec2:eu-central-1:ACCOUNT:route-table/*]": because.tags,
  },
  PreviewDatabase: {
    "AwsSolutions-IAM5[Action::rds:Describe*]": because.lookUp,
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:kms:eu-central-1:ACCOUNT:key/*]": because.keys,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:db-proxy:*]": because.tags,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:og:default:*]": because.defaultOptions,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:db:postern-pr-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:pg:postern-pr-*-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:snapshot:postern-pr-*-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:subgrp:postern-pr-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:target-group:*]": because.targetGroup,
    "AwsSolutions-IAM5[Resource::arn:aws:secretsmanager:eu-central-1:ACCOUNT:secret:postern/pr-*/*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:secretsmanager:eu-central-1:ACCOUNT:secret:rds!db-*]": because.masterSecret,
  },
  PreviewFunctions: {
    "AwsSolutions-IAM5[Resource::arn:aws:ecs:eu-central-1:ACCOUNT:cluster/postern-pr-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:ecs:eu-central-1:ACCOUNT:task-definition/postern-pr-*-long-run:*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:lambda:eu-central-1:ACCOUNT:function:postern-pr-*-health]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:lambda:eu-central-1:ACCOUNT:function:postern-pr-*-inspect]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:lambda:eu-central-1:ACCOUNT:function:postern-pr-*-runner]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/lambda/postern-pr-*-*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/rds/instance/postern-pr-*/*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/rds/proxy/postern-pr-*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/rds/proxy/postern-pr-*:*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/postern/pr-*/*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::postern-pr-*-code-ACCOUNT-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::postern-pr-*-seeds-ACCOUNT-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:ssm:eu-central-1:ACCOUNT:document/postern-pr-*-tunnel]": because.stageName,
  },
  PreviewNetwork: network,
  PreviewRoles: {
    "AwsSolutions-IAM5[Resource::arn:aws:iam::ACCOUNT:instance-profile/postern/pr-*/*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:iam::ACCOUNT:role/aws-service-role/*]": because.serviceRole,
    "AwsSolutions-IAM5[Resource::arn:aws:iam::ACCOUNT:role/postern/pr-*/*]": because.stageName,
  },
  PreviewTags: tags,
  ProductionTags: tags,
  PreviewState: {
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:cloudwatch:eu-central-1:ACCOUNT:alarm:postern-pr-*-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:events:eu-central-1:ACCOUNT:rule/postern-pr-*-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::sst-state-*/*/postern/pr-*.json]": because.stateBucket,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::sst-state-*/*/postern/pr-*/*]": because.stateBucket,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::sst-state-*]": because.stateBucket,
    "AwsSolutions-IAM5[Resource::arn:aws:servicediscovery:eu-central-1:ACCOUNT:namespace/*]": because.tags,
    "AwsSolutions-IAM5[Resource::arn:aws:sns:eu-central-1:ACCOUNT:postern-pr-*-alarms]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:ssm:eu-central-1:ACCOUNT:parameter/postern/pr-*/manifest]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:ssm:eu-central-1:ACCOUNT:parameter/sst/passphrase/postern/pr-*]":
      because.stageName,
  },
  ProductionDatabase: {
    "AwsSolutions-IAM5[Action::rds:Describe*]": because.lookUp,
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:kms:eu-central-1:ACCOUNT:key/*]": because.keys,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:db-proxy:*]": because.tags,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:og:default:*]": because.defaultOptions,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:pg:postern-production-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:snapshot:postern-production-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:rds:eu-central-1:ACCOUNT:target-group:*]": because.targetGroup,
    "AwsSolutions-IAM5[Resource::arn:aws:secretsmanager:eu-central-1:ACCOUNT:secret:postern/production/*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:secretsmanager:eu-central-1:ACCOUNT:secret:rds!db-*]": because.masterSecret,
  },
  ProductionFunctions: {
    "AwsSolutions-IAM5[Resource::arn:aws:ecs:eu-central-1:ACCOUNT:task-definition/postern-production-long-run:*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/lambda/postern-production-*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/rds/instance/postern-production/*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/aws/rds/proxy/postern-production:*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:logs:eu-central-1:ACCOUNT:log-group:/postern/production/*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::postern-production-code-ACCOUNT-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::postern-production-seeds-ACCOUNT-*]": because.stageName,
  },
  ProductionNetwork: network,
  ProductionRoles: {
    "AwsSolutions-IAM5[Resource::arn:aws:iam::ACCOUNT:instance-profile/postern/production/*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:iam::ACCOUNT:role/aws-service-role/*]": because.serviceRole,
    "AwsSolutions-IAM5[Resource::arn:aws:iam::ACCOUNT:role/postern/production/*]": because.stageName,
  },
  ProductionState: {
    "AwsSolutions-IAM5[Resource::*]": because.noResource,
    "AwsSolutions-IAM5[Resource::arn:aws:cloudwatch:eu-central-1:ACCOUNT:alarm:postern-production-*]":
      because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:events:eu-central-1:ACCOUNT:rule/postern-production-*]": because.stageName,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::sst-state-*/*/postern/production.json]": because.stateBucket,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::sst-state-*/*/postern/production/*]": because.stateBucket,
    "AwsSolutions-IAM5[Resource::arn:aws:s3:::sst-state-*]": because.stateBucket,
    "AwsSolutions-IAM5[Resource::arn:aws:servicediscovery:eu-central-1:ACCOUNT:namespace/*]": because.tags,
  },
};
