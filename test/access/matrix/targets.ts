import { accountIds, type Target } from "./row.ts";

type AccountName = keyof typeof accountIds;

/** A bastion of a stage, asked for together with a document. */
export function bastion(stage: string, account: AccountName = "development"): Target {
  return instance(
    `bastion of ${stage}`,
    { "postern:app": "postern", "postern:stage": stage, "postern:part": "network" },
    account,
  );
}

/** AWS checks the document of a request for an instance, and says so in this key; only there. */
export function instance(
  name: string,
  tags: Readonly<Record<string, string>>,
  account: AccountName = "development",
): Target {
  return {
    name,
    arn: arn("ec2", "instance/i-0123456789abcdef0", account),
    tags,
    context: { "ssm:SessionDocumentAccessCheck": "true" },
  };
}

/** Asked for without a document, which means a shell. */
export function shellOn(target: Target): Target {
  return { ...target, name: `shell on ${target.name}`, context: { "ssm:SessionDocumentAccessCheck": "false" } };
}

export function elsewhere(target: Target): Target {
  return {
    ...target,
    name: `${target.name}, in another region`,
    arn: target.arn.replace(":eu-central-1:", ":us-east-1:"),
  };
}

export function tunnelDocument(stage: string, account: AccountName = "development"): Target {
  return { name: `document postern-${stage}-tunnel`, arn: arn("ssm", `document/postern-${stage}-tunnel`, account) };
}

/** One of AWS's own. */
export function awsDocument(name: string): Target {
  return { name: `document ${name}`, arn: `arn:aws:ssm:eu-central-1::document/${name}` };
}

/** A session, with the tag that Session Manager puts on it. */
export function session(id: string, ownerId: string, account: AccountName = "development"): Target {
  return {
    name: `session ${id}`,
    arn: arn("ssm", `session/${id}`, account),
    tags: { "aws:ssmmessages:session-id": ownerId, "aws:ssmmessages:target-id": "i-0123456789abcdef0" },
  };
}

export function parameter(name: string, account: AccountName = "development"): Target {
  return { name: `parameter ${name}`, arn: arn("ssm", `parameter${name}`, account) };
}

export function lambda(name: string, account: AccountName = "development"): Target {
  return { name: `function ${name}`, arn: arn("lambda", `function:${name}`, account) };
}

export function login(databaseId: string, role: string, account: AccountName = "development"): Target {
  return { name: `${role} in ${databaseId}`, arn: arn("rds-db", `dbuser:${databaseId}/${role}`, account) };
}

export function secret(name: string, account: AccountName = "development"): Target {
  return { name: `secret ${name}`, arn: arn("secretsmanager", `secret:${name}-AbCdEf`, account) };
}

export function ecs(resource: string, account: AccountName = "development"): Target {
  return { name: resource, arn: arn("ecs", resource, account) };
}

export function ec2(
  resource: string,
  tags: Readonly<Record<string, string>>,
  account: AccountName = "development",
): Target {
  const stage = tags["postern:stage"];
  return {
    name: `${resource.split("/")[0]}${stage === undefined ? ", no stage" : ` of ${stage}`}`,
    arn: arn("ec2", resource, account),
    tags,
  };
}

export function iamRole(name: string, account: AccountName = "development"): Target {
  return { name: `role ${name}`, arn: `arn:aws:iam::${accountIds[account]}:role/${name}` };
}

/** A role of this app, whose trust policy has a say in who takes it. */
export function ownRole(name: string, account: AccountName = "production"): Target {
  return { ...iamRole(`postern-access/${name}`, account), role: name };
}

/** A bucket or an object in it: of which account it is, its ARN does not say. */
export function s3(resource: string, account: AccountName = "development"): Target {
  return { name: resource, arn: `arn:aws:s3:::${resource}`, context: { "aws:ResourceAccount": accountIds[account] } };
}

/** As AWS names it in requests for the events in it. */
export function logGroup(name: string, account: AccountName = "development"): Target {
  return { name: `log group ${name}`, arn: arn("logs", `log-group:${name}:log-stream:`, account) };
}

/** Something of the account without protected stages, of a service that has no function of its own here. */
export function inDevelopment(name: string, service: string, resource: string, tags?: Target["tags"]): Target {
  return { name, arn: arn(service, resource, "development"), ...(tags === undefined ? {} : { tags }) };
}

export const anything: Target = { name: "what AWS takes no resource for", arn: "*" };

function arn(service: string, resource: string, account: AccountName): string {
  return `arn:aws:${service}:eu-central-1:${accountIds[account]}:${resource}`;
}
