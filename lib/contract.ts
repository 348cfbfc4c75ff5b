/**
 * Names and shapes that the deployed side and the running side share. Policies, discovery and other people's scripts
 * rely on them: changing one is a breaking change. No imports and no effects, so that `sst.config.ts` can use it.
 */

export const appName = "postern";

/** The stage that `postern local` runs; never deployed. */
export const localStageName = "local";

const maxStageNameLength = 31;
export const stageNameRule = `lower-case letters, digits and single hyphens, from a letter, at most ${maxStageNameLength} characters`;

/**
 * Letters, digits and single hyphens, from a letter: RDS refuses identifiers with a double or a trailing hyphen. At
 * most 31 characters, so that the longest name made of it (`postern-<stage>-…`) stays below the 63 that RDS allows
 * and the 64 of Lambda and IAM.
 */
export function isStageName(name: string): boolean {
  return name.length <= maxStageNameLength && /^[a-z](?:-?[a-z0-9])*$/.test(name);
}

/** Tag keys on every taggable resource. */
export const tagKeys = { app: "postern:app", stage: "postern:stage", part: "postern:part" } as const;

/** Schema of the runner's own ledger. */
export const ledgerSchema = "postern";

/** drizzle's bookkeeping, which the runner keeps too, so that `drizzle-kit migrate` can be used in turn. */
export const drizzleTable = { schema: "drizzle", name: "__drizzle_migrations" } as const;

/**
 * What may contradict between folder and database, and the flag of `migrate` and `plan` that lets it be, for one run.
 * Nothing of it changes what is pending: a flag only takes the refusal away.
 */
export const historyOverrides = {
  "history.edited": "allow-edited",
  "history.missing-file": "allow-missing",
  "history.out-of-order": "allow-out-of-order",
  "history.database-ahead": "allow-ahead",
  "history.duplicate": "allow-duplicate",
  "history.unlisted-file": "allow-unlisted",
  "history.half-applied": "allow-half-applied",
} as const;

export type HistoryCode = keyof typeof historyOverrides;

/** Service roles have a secret; human roles have IAM authentication, or a secret where `rds_iam` does not exist. */
export const roleNames = {
  migrator: "postern_migrator",
  app: "postern_app",
  health: "postern_health",
  readonly: "postern_readonly",
  operator: "postern_operator",
} as const;

export type RoleKey = keyof typeof roleNames;

/** The roles whose password `setup --rotate` changes: the services'. People log in with IAM. */
export const rotatableRoles = ["migrator", "app", "health"] as const satisfies readonly RoleKey[];
export type RotatableRole = (typeof rotatableRoles)[number];

/** Environment variables that infra sets on the functions and that the functions read. */
export const functionEnv = {
  app: "POSTERN_APP",
  stage: "POSTERN_STAGE",
  databaseHost: "POSTERN_DATABASE_HOST",
  databasePort: "POSTERN_DATABASE_PORT",
  databaseName: "POSTERN_DATABASE_NAME",
  /** Of the RDS Proxy, which inspect looks at beside the database; both or none. */
  proxyHost: "POSTERN_PROXY_HOST",
  proxyPort: "POSTERN_PROXY_PORT",
  /** `false` where data may be lost without approval; unset or `true`: protected. */
  protected: "POSTERN_PROTECTED",
  /** PEM file with the CAs that may sign the server's certificate; unset: `ca.pem` in the bundle, else Node's roots. */
  caFile: "POSTERN_CA_FILE",
  /** Secret ids (name or ARN). Each function gets only those that its role may read. */
  masterSecret: "POSTERN_SECRET_MASTER",
  migratorSecret: "POSTERN_SECRET_MIGRATOR",
  appSecret: "POSTERN_SECRET_APP",
  healthSecret: "POSTERN_SECRET_HEALTH",
  readonlySecret: "POSTERN_SECRET_READONLY",
  operatorSecret: "POSTERN_SECRET_OPERATOR",
} as const;

/** The long-run task's event, as JSON. */
export const longRunEvent = "POSTERN_EVENT";

/** Whose login a secret holds. */
export type SecretOwner = RoleKey | "master";

/** The variables that name the secrets. */
export const secretVariables = {
  master: functionEnv.masterSecret,
  migrator: functionEnv.migratorSecret,
  app: functionEnv.appSecret,
  health: functionEnv.healthSecret,
  readonly: functionEnv.readonlySecret,
  operator: functionEnv.operatorSecret,
} as const satisfies Record<SecretOwner, string>;

/** The functions of a stage; the names of their entry points (`functions/<part>.ts`) and of their bundles. */
export const functionParts = ["runner", "inspect", "health"] as const;
export type FunctionPart = (typeof functionParts)[number];

export function functionName(stage: string, part: FunctionPart): string {
  return `${appName}-${stage}-${part}`;
}

export function manifestParameterName(stage: string): string {
  return `/${appName}/${stage}/manifest`;
}

/** The SSM document of type Session that tunnels of a stage are opened with. */
export function tunnelDocumentName(stage: string): string {
  return `${appName}-${stage}-tunnel`;
}

export function secretName(stage: string, owner: SecretOwner): string {
  return `${appName}/${stage}/${owner}`;
}

/**
 * Path of the two roles of a stage's long-run task. Whoever starts a task passes them to ECS, and a policy that says which roles may
 * be passed knows them by their ARN alone, of which the path is a part: AWS keeps tags out of it.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
 */
export function longRunRolePath(stage: string): string {
  return `/${appName}/${stage}/long-run/`;
}

/**
 * What the SSM agent on a bastion needs to carry sessions, and no more: it registers the instance and opens the channels. The
 * bastion's role has it, and the boundary lets it.
 *
 * Not `AmazonSSMManagedInstanceCore`: that may also read every parameter of the account, SST's passphrase among them.
 * https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
 */
export const carrySessionsActions = [
  "ssm:UpdateInstanceInformation",
  "ssmmessages:CreateControlChannel",
  "ssmmessages:CreateDataChannel",
  "ssmmessages:OpenControlChannel",
  "ssmmessages:OpenDataChannel",
] as const;

/** Path in IAM of what the access baseline makes. Nobody whom it lets deploy may change what is below it. */
export const accessPath = `/${appName}-access/`;

/** The access baseline's managed policy under which a stage makes its roles, where its settings say so (`boundary`). */
export const boundaryName = `${appName}-boundary`;

/** Path of a stage's roles under the boundary: by it a policy knows whose they are. */
export function stageRolePath(stage: string): string {
  return `/${appName}/${stage}/`;
}

/** Identifier of the RDS instance that a stage makes; one that it adopts keeps its own. */
export function instanceIdentifier(stage: string): string {
  return `${appName}-${stage}`;
}

export function proxyName(stage: string): string {
  return `${appName}-${stage}`;
}

/** Where RDS Proxy writes its log: AWS makes the name, of the proxy's. */
export function proxyLogGroup(proxy: string): string {
  return `/aws/rds/proxy/${proxy}`;
}

/** What a deployed stage publishes, so that the command line can find its parts. No secrets in it. */
export type Manifest = {
  readonly version: 1;
  readonly app: string;
  readonly stage: string;
  readonly region: string;
  /** Data loss is refused on a protected stage. */
  readonly protected: boolean;
  readonly database: {
    readonly host: string;
    readonly port: number;
    readonly name: string;
    /** RDS instance identifier. */
    readonly instanceId: string;
  };
  /** Absent where the stage has no RDS Proxy. */
  readonly proxy?: { readonly host: string; readonly port: number; readonly name: string };
  /** Lambda function names. */
  readonly functions: Readonly<Record<FunctionPart, string>>;
  readonly healthUrl: string;
  /** Secrets Manager ids (name or ARN). */
  readonly secrets: Readonly<Partial<Record<SecretOwner, string>>>;
  readonly bundle: BundleInfo;
  /** EC2 instance ids of the bastions. */
  readonly bastions: readonly string[];
  /** Absent where the stage has no bastion that carries SSM sessions. */
  readonly tunnel?: {
    /** SSM document of type Session that allows one port forward, to the database's host and port. */
    readonly documentName: string;
  };
  /** Absent where runs that outlast Lambda cannot be started. */
  readonly longRuns?: LongRuns;
  /** Absent in the manifest of a deploy that did not write it yet: then the stage's tags say what there is. */
  readonly network?: NetworkParts;
};

/** What the stage's way out and its tunnels are made of, as it was deployed: what the doctor compares AWS with. */
export type NetworkParts = {
  readonly vpcId: string;
  /** Ids, in the order of their zones. */
  readonly privateSubnets: readonly string[];
  /** The NAT instances that the stage made, each for the private subnet of the same index; empty in a VPC that was there before. */
  readonly nat: readonly NatParts[];
};

export type NatParts = {
  /** Ids of the instance and of its Elastic IP, and the address itself. */
  readonly instance: string;
  readonly allocation: string;
  readonly address: string;
};

/**
 * Everything that the doctor asks AWS's control plane, as IAM writes it: reads, and each of them may be refused. The policy of
 * whoever may run it allows exactly these, beside the manifest, a tunnel, the login of `postern_readonly` and the inspect function.
 */
export const doctorActions = [
  "sts:GetCallerIdentity",
  "ec2:DescribeInstances",
  "ec2:DescribeAddresses",
  "ec2:DescribeRouteTables",
  "ec2:DescribeSecurityGroups",
  "ssm:DescribeInstanceInformation",
  "rds:DescribeDBInstances",
  "rds:DescribeEvents",
  "rds:DescribeDBProxies",
  "rds:DescribeDBProxyTargets",
  "secretsmanager:DescribeSecret",
  "logs:FilterLogEvents",
] as const;
export type DoctorAction = (typeof doctorActions)[number];

/**
 * Everything that `repair-nat` asks of AWS, as IAM writes it, beside the manifest and, to verify, what the doctor needs. Its writes
 * are made on resources with the stage's tags alone.
 */
export const repairNatActions = {
  reads: [
    "ec2:DescribeInstances",
    "ec2:DescribeAddresses",
    "ec2:DescribeRouteTables",
    "ssm:DescribeInstanceInformation",
  ],
  writes: [
    "ec2:StartInstances",
    "ec2:RebootInstances",
    "ec2:DisassociateAddress",
    "ec2:AssociateAddress",
    "ec2:ModifyInstanceAttribute",
    "ec2:CreateRoute",
    "ec2:ReplaceRoute",
  ],
} as const;
export type RepairWrite = (typeof repairNatActions.writes)[number];

/** What ECS RunTask needs to start `runner-task.ts` on Fargate, in the stage's private subnets. */
export type LongRuns = {
  /** Name or ARN of the ECS cluster. */
  readonly cluster: string;
  /** Family, family:revision or ARN. */
  readonly taskDefinition: string;
  /** Name of the container in it, whose environment is given `POSTERN_EVENT`. */
  readonly container: string;
  /** Ids; at least one. */
  readonly subnets: readonly string[];
  /** Id of the task's own group. */
  readonly securityGroup: string;
};

/** What the build writes into each bundle as `bundle.json`. */
export type BundleInfo = {
  /** Version of package.json. */
  readonly version: string;
  /** Commit that was built, with `-dirty` when the tree had changes; absent outside a git checkout. */
  readonly gitCommit?: string;
  /** SHA-256 (hex) over the migrations folder, as `lib/migrate/folder/source.ts` computes it. */
  readonly migrationsHash: string;
  /** SHA-256 (hex) over the seeds folder, as `lib/migrate/seed/source/seeds-hash.ts` computes it; absent without one. */
  readonly seedsHash?: string;
  /** Hash of the schema file and the declared renames, as `lib/migrate/push` computes it; absent where there is no schema file. */
  readonly schemaHash?: string;
};

/**
 * What a deploy asks of the runner function, in an invocation that it waits for. It goes into the deploy's state as it is, and the
 * function is invoked again only when it changes: so nothing is in it that differs from one deploy to the next of the same bundle.
 */
export type DeployEvent = {
  readonly action: "deploy";
  readonly requestedBy: string;
  /** As `bundle.json` has it: another bundle is refused. Must be there to migrate. */
  readonly migrationsHash?: string;
  /** The same. Must be there to seed. */
  readonly seedsHash?: string;
  /** After setup. */
  readonly migrate?: boolean;
  /** A seed set, after the migrations. */
  readonly seed?: string;
  /** Findings that are let be, as by the flags of `migrate`. */
  readonly allow?: readonly HistoryCode[];
};

export type DeployWishes = Pick<DeployEvent, "migrate" | "seed" | "allow">;

/** The event for a bundle. Without wishes it is setup alone. */
export function deployEvent(bundle: BundleInfo, { migrate, seed, allow }: DeployWishes = {}): DeployEvent {
  const { migrationsHash, seedsHash } = bundle;
  return {
    action: "deploy",
    requestedBy: "deploy",
    ...(migrate === true ? { migrationsHash, migrate } : {}),
    ...(seed === undefined ? {} : { migrationsHash, ...(seedsHash === undefined ? {} : { seedsHash }), seed }),
    ...(allow === undefined || allow.length === 0 ? {} : { allow }),
  };
}
