import { doctorActions, repairNatActions, type RepairWrite } from "../../../lib/contract.ts";
import { breakGlass, person } from "./principals.ts";
import { allow, deny, never, type Principal, type Row } from "./row.ts";
import { anything, bastion, ec2, ecs, elsewhere, lambda, parameter, iamRole, logGroup, secret } from "./targets.ts";

const migrator = person("Migrator", { stage: "dev", policies: ["migrate"] });
const untagged = person("Migrator", { policies: ["migrate"] });
const longRunner = person("LongRunner", { stage: "dev", policies: ["longRun"] });
const doctor = person("Doctor", { stage: "dev", policies: ["doctor"] });
const repairer = person("Repairer", { stage: "dev", policies: ["repairNat"] });

const invoke = "lambda:InvokeFunction";

export const migrateRows: readonly Row[] = [
  allow(migrator, invoke, lambda("postern-dev-runner"), "it migrates"),
  allow(migrator, invoke, lambda("postern-dev-inspect"), "it plans, watches and cancels"),
  allow(migrator, "ssm:GetParameter", parameter("/postern/dev/manifest"), "it names both"),
  deny(migrator, invoke, lambda("postern-staging-runner"), "other stage"),
  deny(migrator, invoke, lambda("postern-staging-inspect"), "other stage"),
  deny(migrator, invoke, lambda("shop-dev-runner"), "other app"),
  deny(migrator, invoke, lambda("postern-dev-health"), "another function of the stage"),
  deny(migrator, invoke, elsewhere(lambda("postern-dev-runner")), "other region"),
  deny(untagged, invoke, lambda("postern-dev-runner"), "untagged"),
  deny(migrator, "lambda:UpdateFunctionCode", lambda("postern-dev-runner"), "who invokes it does not say what it is"),
  deny(migrator, "lambda:GetFunction", lambda("postern-dev-runner"), "nor reads it"),
  deny(migrator, "ssm:GetParameter", parameter("/postern/staging/manifest"), "other stage"),
  deny(migrator, "ssm:StartSession", bastion("dev"), "a migration is no tunnel"),
  deny(migrator, "ecs:RunTask", ecs("task-definition/postern-dev-long-run:7"), "long runs are another policy"),
  never(migrator, "secretsmanager:GetSecretValue", secret("rds!db-0a1b2c3d"), "the master's login"),
  never(
    person("Migrator", { account: "production", stage: "production", policies: ["migrate"] }),
    invoke,
    lambda("postern-production-runner", "production"),
    "a tag alone opens no protected stage",
  ),
  allow(breakGlass("production"), invoke, lambda("postern-production-runner", "production"), "that is what it is for"),
  deny(breakGlass("production"), invoke, lambda("postern-reports-runner", "production"), "the glass of another stage"),
];

const cluster = { "ecs:cluster": "arn:aws:ecs:eu-central-1:111111111111:cluster/postern-dev" };
const otherCluster = { "ecs:cluster": "arn:aws:ecs:eu-central-1:111111111111:cluster/postern-staging" };
const toTasks = { "iam:PassedToService": "ecs-tasks.amazonaws.com" };
const ownDefinition = ecs("task-definition/postern-dev-long-run:7");
const ownTask = ecs("task/postern-dev/0123456789abcdef");

export const longRunRows: readonly Row[] = [
  allow(longRunner, "ecs:RunTask", ownDefinition, "his stage's task, on its cluster", cluster),
  allow(longRunner, "ecs:RunTask", ownDefinition, "the same, said aloud", {
    ...cluster,
    "ecs:enable-execute-command": "false",
  }),
  deny(longRunner, "ecs:RunTask", ownDefinition, "a shell in it", { ...cluster, "ecs:enable-execute-command": "true" }),
  deny(longRunner, "ecs:RunTask", ownDefinition, "other stage: the cluster", otherCluster),
  deny(
    longRunner,
    "ecs:RunTask",
    ecs("task-definition/postern-staging-long-run:7"),
    "other stage: the definition",
    cluster,
  ),
  deny(longRunner, "ecs:RunTask", ecs("task-definition/shop-dev-long-run:7"), "other app", cluster),
  deny(person("LongRunner", { policies: ["longRun"] }), "ecs:RunTask", ownDefinition, "untagged", cluster),
  deny(longRunner, "ecs:ExecuteCommand", ownTask, "a shell in it", cluster),
  allow(longRunner, "ecs:TagResource", ownTask, "a new task has the tags of its definition", {
    "ecs:CreateAction": "RunTask",
  }),
  deny(longRunner, "ecs:TagResource", ownTask, "one that is there already"),
  deny(longRunner, "ecs:TagResource", ecs("task/postern-staging/0123456789abcdef"), "other stage", {
    "ecs:CreateAction": "RunTask",
  }),
  allow(longRunner, "ecs:DescribeTasks", ownTask, "to see one that never begins", cluster),
  deny(longRunner, "ecs:DescribeTasks", ecs("task/postern-staging/0123456789abcdef"), "other stage", otherCluster),
  allow(longRunner, "iam:PassRole", iamRole("postern/dev/long-run/LongRunRole-0a1b2c3"), "the task's role", toTasks),
  allow(
    longRunner,
    "iam:PassRole",
    iamRole("postern/dev/long-run/LongRunStartRole-0a1b2c3"),
    "the role that starts it",
    toTasks,
  ),
  deny(longRunner, "iam:PassRole", iamRole("postern/dev/long-run/LongRunRole-0a1b2c3"), "to another service", {
    "iam:PassedToService": "lambda.amazonaws.com",
  }),
  deny(longRunner, "iam:PassRole", iamRole("postern/staging/long-run/LongRunRole-0a1b2c3"), "other stage", toTasks),
  deny(longRunner, "iam:PassRole", iamRole("Admin"), "any other role", toTasks),
  allow(longRunner, invoke, lambda("postern-dev-inspect"), "to watch the run"),
  deny(longRunner, invoke, lambda("postern-dev-runner"), "what does not last long is another policy"),
  deny(longRunner, invoke, lambda("postern-staging-inspect"), "other stage"),
  allow(longRunner, "ssm:GetParameter", parameter("/postern/dev/manifest"), "it names the cluster"),
  deny(longRunner, "ssm:GetParameter", parameter("/postern/staging/manifest"), "other stage"),
  never(
    person("LongRunner", { account: "production", stage: "production", policies: ["longRun"] }),
    "ecs:RunTask",
    ecs("task-definition/postern-production-long-run:7", "production"),
    "a tag alone opens no protected stage",
    cluster,
  ),
  deny(
    breakGlass("production"),
    "ecs:RunTask",
    ecs("task-definition/postern-production-long-run:7", "production"),
    "it is as strong as the master's login: not even with the glass broken",
    { "ecs:cluster": "arn:aws:ecs:eu-central-1:222222222222:cluster/postern-production" },
  ),
];

const named: ReadonlySet<string> = new Set(["logs:FilterLogEvents", "secretsmanager:DescribeSecret"]);

/** Actions for which AWS takes no resource, or whose answers are lists. */
const describes = doctorActions.filter((action) => action !== "sts:GetCallerIdentity" && !named.has(action));
const databases: Readonly<Record<string, string>> = {
  "rds:DescribeDBInstances": "db:postern-dev",
  "rds:DescribeDBProxies": "db-proxy:prx-0123456789abcdef0",
  "rds:DescribeDBProxyTargets": "db-proxy:prx-0123456789abcdef0",
};

export const doctorRows: readonly Row[] = [
  ...describes.flatMap((action): Row[] => {
    const database = databases[action];
    const on =
      database === undefined ? anything : { name: database, arn: `arn:aws:rds:eu-central-1:111111111111:${database}` };
    return [allow(doctor, action, on, "how it is set up"), deny(migrator, action, on, "not needed for migrations")];
  }),
  allow(person("Nobody", { policies: [] }), "sts:GetCallerIdentity", anything, "AWS lets everybody ask who he is"),
  allow(doctor, "secretsmanager:DescribeSecret", secret("postern/dev/health"), "whether it has a value, not which"),
  deny(doctor, "secretsmanager:DescribeSecret", secret("postern/staging/health"), "other stage"),
  deny(doctor, "secretsmanager:DescribeSecret", secret("shop/dev/health"), "other app"),
  deny(
    person("Doctor", { policies: ["doctor"] }),
    "secretsmanager:DescribeSecret",
    secret("postern/dev/health"),
    "untagged",
  ),
  never(doctor, "secretsmanager:GetSecretValue", secret("postern/dev/health"), "which value it has"),
  ...proxyLogRows(),
  allow(doctor, invoke, lambda("postern-dev-inspect"), "the same probes from inside the VPC"),
  allow(doctor, invoke, lambda("postern-dev-health"), "what the stage says of itself"),
  deny(doctor, invoke, lambda("postern-staging-health"), "other stage"),
  deny(doctor, invoke, lambda("postern-dev-runner"), "it changes nothing"),
  deny(doctor, invoke, lambda("postern-staging-inspect"), "other stage"),
  allow(doctor, "ssm:GetParameter", parameter("/postern/dev/manifest"), "what there should be"),
  deny(doctor, "ssm:GetParameter", parameter("/postern/staging/manifest"), "other stage"),
  deny(
    doctor,
    "rds:ModifyDBInstance",
    { name: "db:postern-dev", arn: "arn:aws:rds:eu-central-1:111111111111:db:postern-dev" },
    "it changes nothing",
  ),
  deny(doctor, "ec2:AssociateAddress", ec2("elastic-ip/eipalloc-0123456789abcdef0", own("dev")), "it changes nothing"),
];

/** In the account with protected stages. */
function doctorOfProduction(stage: string): Principal {
  return person("Doctor", { account: "production", stage, policies: ["doctor"] });
}

/** The log of a proxy, in which the SQL of clients is while its debug logging is on. */
function proxyLogRows(): readonly Row[] {
  const read = "logs:FilterLogEvents";
  return [
    allow(doctor, read, logGroup("/aws/rds/proxy/postern-dev"), "what the proxy says of its failures"),
    deny(doctor, read, logGroup("/aws/rds/proxy/postern-staging"), "other stage"),
    deny(doctor, read, logGroup("/aws/rds/proxy/shop-dev"), "other app"),
    deny(doctor, read, logGroup("/aws/rds/instance/postern-dev/postgresql"), "the database's own log"),
    deny(doctor, read, elsewhere(logGroup("/aws/rds/proxy/postern-dev")), "other region"),
    deny(doctor, "logs:DeleteLogGroup", logGroup("/aws/rds/proxy/postern-dev"), "it changes nothing"),
    deny(person("Doctor", { policies: ["doctor"] }), read, logGroup("/aws/rds/proxy/postern-dev"), "untagged"),
    deny(migrator, read, logGroup("/aws/rds/proxy/postern-dev"), "not needed for migrations"),
    allow(doctorOfProduction("tools"), read, logGroup("/aws/rds/proxy/postern-tools", "production"), "not protected"),
    ...["production", "reports"].flatMap((stage) => [
      deny(doctorOfProduction(stage), read, logGroup(`/aws/rds/proxy/postern-${stage}`, "production"), "protected"),
      allow(breakGlass(stage), read, logGroup(`/aws/rds/proxy/postern-${stage}`, "production"), "behind broken glass"),
      deny(
        breakGlass(stage),
        read,
        logGroup(`/aws/rds/proxy/postern-${stage === "reports" ? "production" : "reports"}`, "production"),
        "the glass of another stage",
      ),
    ]),
  ];
}

/** What each step of a repair is about. */
const repaired: Readonly<Record<RepairWrite, readonly string[]>> = {
  "ec2:StartInstances": ["instance/i-0123456789abcdef0"],
  "ec2:RebootInstances": ["instance/i-0123456789abcdef0"],
  "ec2:AssociateAddress": ["elastic-ip/eipalloc-0123456789abcdef0", "instance/i-0123456789abcdef0"],
  "ec2:DisassociateAddress": ["elastic-ip/eipalloc-0123456789abcdef0"],
  "ec2:ModifyInstanceAttribute": ["instance/i-0123456789abcdef0"],
  "ec2:CreateRoute": ["route-table/rtb-0123456789abcdef0"],
  "ec2:ReplaceRoute": ["route-table/rtb-0123456789abcdef0"],
};
const forwarding = { "ec2:Attribute": "SourceDestCheck" };

export const repairRows: readonly Row[] = [
  ...repairNatActions.reads.flatMap((action) => [
    allow(repairer, action, anything, "what is broken"),
    deny(migrator, action, anything, "not needed for migrations"),
  ]),
  allow(repairer, "ssm:GetParameter", parameter("/postern/dev/manifest"), "what there should be"),
  deny(repairer, "ssm:GetParameter", parameter("/postern/staging/manifest"), "other stage"),
  ...repairNatActions.writes.flatMap((action): Row[] => {
    const given = action === "ec2:ModifyInstanceAttribute" ? forwarding : {};
    const on = (tags: Readonly<Record<string, string>>) => repaired[action].map((resource) => ec2(resource, tags));
    return [
      allow(repairer, action, on(own("dev")), "of his stage", given),
      deny(repairer, action, on(own("staging")), "other stage", given),
      deny(repairer, action, on({ ...own("dev"), "postern:app": "shop" }), "other app", given),
      deny(repairer, action, on({}), "untagged", given),
      deny(
        person("Repairer", { policies: ["repairNat"] }),
        action,
        on(own("dev")),
        "untagged: nobody gave him a stage",
        given,
      ),
      deny(repairer, action, on(own("dev")).map(elsewhere), "other region", given),
    ];
  }),
  deny(
    repairer,
    "ec2:AssociateAddress",
    [ec2("elastic-ip/eipalloc-0123456789abcdef0", own("dev")), ec2("instance/i-0123456789abcdef0", own("staging"))],
    "the stage's address to another stage's instance",
  ),
  deny(
    repairer,
    "ec2:AssociateAddress",
    ec2("network-interface/eni-0123456789abcdef0", own("dev")),
    "addresses go to instances",
  ),
  ...["UserData", "InstanceType", "GroupSet", "DisableApiTermination"].map((attribute) =>
    deny(
      repairer,
      "ec2:ModifyInstanceAttribute",
      ec2("instance/i-0123456789abcdef0", own("dev")),
      "another attribute",
      { "ec2:Attribute": attribute },
    ),
  ),
  ...["ec2:StopInstances", "ec2:TerminateInstances"].map((action) =>
    deny(repairer, action, ec2("instance/i-0123456789abcdef0", own("dev")), "no step of a repair"),
  ),
  ...repairNatActions.writes.flatMap((action): Row[] => {
    const given = action === "ec2:ModifyInstanceAttribute" ? forwarding : {};
    const on = repaired[action].map((resource) => ec2(resource, own("production"), "production"));
    return [
      never(
        person("Repairer", { account: "production", stage: "production", policies: ["repairNat"] }),
        action,
        on,
        "a tag alone opens no protected stage",
        given,
      ),
      allow(breakGlass("production"), action, on, "that is what it is for", given),
      deny(breakGlass("reports"), action, on, "the glass of another stage", given),
    ];
  }),
  never(
    person("Repairer", { account: "production", stage: "reports", policies: ["repairNat"] }),
    "ec2:RebootInstances",
    ec2("instance/i-0123456789abcdef0", own("reports"), "production"),
    "a tag alone opens no protected stage",
  ),
  allow(
    person("Repairer", { account: "production", stage: "tools", policies: ["repairNat"] }),
    "ec2:RebootInstances",
    ec2("instance/i-0123456789abcdef0", own("tools"), "production"),
    "the stage is not protected",
  ),
];

function own(stage: string) {
  return { "postern:app": "postern", "postern:stage": stage, "postern:part": "network" };
}
