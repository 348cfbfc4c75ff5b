import type { PolicyDocument, Statement } from "../synthesise.ts";
import type { Decision, Request } from "./decide.ts";

/** What a page of AWS says of a policy that it shows: the engine is held against it, and nothing of ours is in it. */
export type Example = {
  /** Below https://docs.aws.amazon.com. */
  readonly page: string;
  readonly says: string;
  readonly request: Request;
  readonly decision: Decision;
};

const operators = "/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html";
const condition = "/IAM/latest/UserGuide/reference_policies_elements_condition.html";
const multiValued = "/IAM/latest/UserGuide/reference_policies_condition_examples-multi-valued-context-keys.html";
const boundaries = "/IAM/latest/UserGuide/access_policies_boundaries.html";
const sessions = "/systems-manager/latest/userguide/getting-started-restrict-access-examples.html";
const abac = "/singlesignon/latest/userguide/configure-abac-policies.html";

const accountId = "123456789012";
const asUser = (name: string) => ({ principal: `arn:aws:iam::${accountId}:user/${name}`, accountId, context: {} });
const asRole = { principal: `arn:aws:sts::${accountId}:assumed-role/Federated/jane`, accountId, context: {} };
const policy = (...statements: Statement[]): PolicyDocument => ({ Version: "2012-10-17", Statement: statements });
const everything = policy({ Effect: "Allow", Action: "*", Resource: "*" });
const instance = { resource: `arn:aws:ec2:us-east-2:${accountId}:instance/i-02573cafcfEXAMPLE` };
const someUser = { resource: `arn:aws:iam::${accountId}:user/Bob` };

const onlyJohn = (operator: string) =>
  policy({
    Effect: "Allow",
    Action: "iam:GetUser",
    Resource: "*",
    Condition: { [operator]: { "aws:username": "john" } },
  });
const getUser = (name: string, operator: string): Request => ({
  ...asUser(name),
  ...someUser,
  action: "iam:GetUser",
  context: { "aws:username": name },
  policies: [onlyJohn(operator)],
});

const accessKeys = (conditions: NonNullable<Statement["Condition"]>, context: Request["context"]): Request => ({
  ...asUser("jane"),
  ...someUser,
  action: "iam:CreateAccessKey",
  context,
  policies: [
    policy({
      Effect: "Allow",
      Action: "iam:*AccessKey*",
      Resource: "arn:aws:iam::123456789012:user/*",
      Condition: conditions,
    }),
  ],
});
const jobCategory = { StringEquals: { "aws:PrincipalTag/job-category": "iamuser-admin" } };
const since2020 = { DateGreaterThan: { "aws:TokenIssueTime": "2020-01-01T00:00:01Z" } };
const fromOffice = { IpAddress: { "aws:SourceIp": "203.0.113.0/24" } };

const listTen = (context: Request["context"]): Request => ({
  ...asUser("jane"),
  action: "s3:ListBucket",
  resource: "arn:aws:s3:::example_bucket",
  context,
  policies: [
    policy({
      Effect: "Allow",
      Action: "s3:ListBucket",
      Resource: "arn:aws:s3:::example_bucket",
      Condition: { NumericLessThanEquals: { "s3:max-keys": "10" } },
    }),
  ],
});

const getObject = (isSecure: string): Request => ({
  ...asUser("jane"),
  action: "s3:GetObject",
  resource: "arn:aws:s3:::amzn-s3-demo-bucket/key",
  context: { "aws:SecureTransport": isSecure },
  policies: [
    everything,
    policy({
      Effect: "Deny",
      Action: "s3:*",
      Resource: ["arn:aws:s3:::amzn-s3-demo-bucket", "arn:aws:s3:::amzn-s3-demo-bucket/*"],
      Condition: { Bool: { "aws:SecureTransport": "false" } },
    }),
  ],
});

const restrictedTags = (conditions: NonNullable<Statement["Condition"]>, tagKeys?: readonly string[]): Request => ({
  ...asUser("jane"),
  action: "iam:TagUser",
  ...someUser,
  context: tagKeys === undefined ? {} : { "aws:TagKeys": tagKeys },
  policies: [
    everything,
    policy({ Effect: "Deny", Action: ["iam:Tag*", "iam:UnTag*"], Resource: "*", Condition: conditions }),
  ],
});
const onlyKey1 = { "ForAllValues:StringNotLike": { "aws:TagKeys": "key1*" } };
const threeKeys = {
  Null: { "aws:TagKeys": "false" },
  "ForAllValues:StringLike": { "aws:TagKeys": ["key1*", "key2*", "key3*"] },
};
const anyOfTwo = { "ForAnyValue:StringEquals": { "aws:TagKeys": ["environment", "webserver"] } };

const shirley = (action: string, resource: string): Request => ({
  ...asUser("ShirleyRodriguez"),
  action,
  resource,
  policies: [policy({ Effect: "Allow", Action: [action], Resource: "*" })],
  boundary: policy({ Effect: "Allow", Action: ["s3:*", "cloudwatch:*", "ec2:*"], Resource: "*" }),
});

const startOn = (tags: Readonly<Record<string, string>>): Request => ({
  ...asUser("JohnDoe"),
  action: "ssm:StartSession",
  ...instance,
  tags,
  policies: [
    policy({
      Effect: "Allow",
      Action: ["ssm:StartSession"],
      Resource: [`arn:aws:ec2:us-east-2:${accountId}:instance/*`],
      Condition: { StringLike: { "ssm:resourceTag/Finance": ["WebServers"] } },
    }),
  ],
});
const session = (id: string) => ({
  resource: `arn:aws:ssm:us-east-2:${accountId}:session/${id}`,
  action: "ssm:TerminateSession",
});
const byName = policy({
  Effect: "Allow",
  Action: ["ssm:TerminateSession"],
  Resource: ["arn:aws:ssm:*:*:session/${aws:username}-*"],
});
const byTag = policy({
  Effect: "Allow",
  Action: ["ssm:TerminateSession"],
  Resource: "*",
  Condition: { StringLike: { "ssm:resourceTag/aws:ssmmessages:session-id": ["${aws:userid}"] } },
});
const ofRole = { "aws:userid": "AROAIODR4TAW7CSEXAMPLE:jane" };

const costCenter = (own: string, theirs: string): Request => ({
  ...asRole,
  action: "ec2:StartInstances",
  ...instance,
  context: { "aws:PrincipalTag/CostCenter": own },
  tags: { CostCenter: theirs },
  policies: [
    policy({
      Effect: "Allow",
      Action: ["ec2:StartInstances", "ec2:StopInstances"],
      Resource: "*",
      Condition: { StringEquals: { "ec2:ResourceTag/CostCenter": "${aws:PrincipalTag/CostCenter}" } },
    }),
  ],
});

export const examples: readonly Example[] = [
  { page: condition, says: "StringEquals matches john", request: getUser("john", "StringEquals"), decision: "allow" },
  {
    page: condition,
    says: "users named John are denied by it",
    request: getUser("John", "StringEquals"),
    decision: "deny",
  },
  {
    page: condition,
    says: "StringEqualsIgnoreCase matches John, too",
    request: getUser("John", "StringEqualsIgnoreCase"),
    decision: "allow",
  },
  {
    page: operators,
    says: "a principal with the tag may",
    request: accessKeys(jobCategory, { "aws:PrincipalTag/job-category": "iamuser-admin" }),
    decision: "allow",
  },
  {
    page: operators,
    says: "a user without the tag is implicitly denied",
    request: accessKeys(jobCategory, {}),
    decision: "deny",
  },
  {
    page: operators,
    says: "credentials issued since 2020 may",
    request: accessKeys(since2020, { "aws:TokenIssueTime": "2024-05-01T00:00:00Z" }),
    decision: "allow",
  },
  { page: operators, says: "access keys have no time of issue", request: accessKeys(since2020, {}), decision: "deny" },
  {
    page: operators,
    says: "an address of the range may",
    request: accessKeys(fromOffice, { "aws:SourceIp": "203.0.113.17" }),
    decision: "allow",
  },
  {
    page: operators,
    says: "without a source address it is implicitly denied",
    request: accessKeys(fromOffice, {}),
    decision: "deny",
  },
  { page: operators, says: "up to ten objects", request: listTen({ "s3:max-keys": "10" }), decision: "allow" },
  { page: operators, says: "more than ten objects", request: listTen({ "s3:max-keys": "11" }), decision: "deny" },
  { page: operators, says: "without the key the values do not match", request: listTen({}), decision: "deny" },
  { page: operators, says: "all of S3 is denied without TLS", request: getObject("false"), decision: "explicit deny" },
  { page: operators, says: "with TLS other policies decide", request: getObject("true"), decision: "allow" },
  {
    page: multiValued,
    says: "key1:legal alone: not denied",
    request: restrictedTags(onlyKey1, ["key1:legal"]),
    decision: "allow",
  },
  {
    page: multiValued,
    says: "key1:hr and key1:personnel: not denied",
    request: restrictedTags(onlyKey1, ["key1:hr", "key1:personnel"]),
    decision: "allow",
  },
  {
    page: multiValued,
    says: "key2:audit: denied",
    request: restrictedTags(onlyKey1, ["key2:audit"]),
    decision: "explicit deny",
  },
  {
    page: multiValued,
    says: "no keys: ForAllValues is true, denied",
    request: restrictedTags(onlyKey1),
    decision: "explicit deny",
  },
  {
    page: multiValued,
    says: "Null keeps missing keys from being true",
    request: restrictedTags(threeKeys),
    decision: "allow",
  },
  {
    page: multiValued,
    says: "every value matches one of the policy's: denied",
    request: restrictedTags(threeKeys, ["key1:legal", "key3:x"]),
    decision: "explicit deny",
  },
  {
    page: multiValued,
    says: "one value matches none: not denied",
    request: restrictedTags(threeKeys, ["key1:legal", "other"]),
    decision: "allow",
  },
  {
    page: multiValued,
    says: "ForAnyValue: one of the keys is enough",
    request: restrictedTags(anyOfTwo, ["name", "webserver"]),
    decision: "explicit deny",
  },
  {
    page: multiValued,
    says: "ForAnyValue: none of the keys",
    request: restrictedTags(anyOfTwo, ["name"]),
    decision: "allow",
  },
  {
    page: boundaries,
    says: "Shirley's policy allows iam:CreateUser, her boundary does not",
    request: shirley("iam:CreateUser", "arn:aws:iam::123456789012:user/New"),
    decision: "deny",
  },
  {
    page: boundaries,
    says: "what both allow is allowed",
    request: shirley("ec2:StartInstances", instance.resource),
    decision: "allow",
  },
  {
    page: boundaries,
    says: "a boundary alone allows nothing",
    request: { ...shirley("ec2:StartInstances", instance.resource), policies: [] },
    decision: "deny",
  },
  {
    page: sessions,
    says: "an instance tagged Finance: WebServers",
    request: startOn({ Finance: "WebServers" }),
    decision: "allow",
  },
  {
    page: sessions,
    says: "an instance with another value",
    request: startOn({ Finance: "Databases" }),
    decision: "deny",
  },
  { page: sessions, says: "an instance that is not tagged", request: startOn({}), decision: "deny" },
  {
    page: sessions,
    says: "the user's own session, by his name",
    request: {
      ...asUser("JohnDoe"),
      ...session("JohnDoe-1a2b3c4d5eEXAMPLE"),
      context: { "aws:username": "JohnDoe" },
      policies: [byName],
    },
    decision: "allow",
  },
  {
    page: sessions,
    says: "another user's session",
    request: {
      ...asUser("JohnDoe"),
      ...session("JaneDoe-1a2b3c4d5eEXAMPLE"),
      context: { "aws:username": "JohnDoe" },
      policies: [byName],
    },
    decision: "deny",
  },
  {
    page: sessions,
    says: "this does not work for federated ids: they have no user name",
    request: { ...asRole, ...session("jane-1a2b3c4d5eEXAMPLE"), context: ofRole, policies: [byName] },
    decision: "deny",
  },
  {
    page: sessions,
    says: "a role's own session, by its tag",
    request: {
      ...asRole,
      ...session("jane-1a2b3c4d5eEXAMPLE"),
      context: ofRole,
      tags: { "aws:ssmmessages:session-id": ofRole["aws:userid"] },
      policies: [byTag],
    },
    decision: "allow",
  },
  {
    page: sessions,
    says: "another's session, by its tag",
    request: {
      ...asRole,
      ...session("john-1a2b3c4d5eEXAMPLE"),
      context: ofRole,
      tags: { "aws:ssmmessages:session-id": "AROAIODR4TAW7CSEXAMPLE:john" },
      policies: [byTag],
    },
    decision: "deny",
  },
  { page: abac, says: "instances of one's own cost center", request: costCenter("42", "42"), decision: "allow" },
  { page: abac, says: "instances of another one", request: costCenter("42", "43"), decision: "deny" },
];
