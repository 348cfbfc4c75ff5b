import * as v from "valibot";
import { isStageName, localStageName, stageNameRule } from "#lib/contract.ts";
import { isRange, isUsableRange } from "./ranges.ts";

/** An IPv4 range, as `10.20.0.0/16`. */
const range = v.pipe(
  v.string("expected a range, as 10.20.0.0/16"),
  v.check(
    isUsableRange,
    "expected a private IPv4 range from /16 to /22, as 10.20.0.0/16, with no bits after the prefix",
  ),
);
const cidr = v.pipe(
  v.string("expected a range, as 203.0.113.0/24"),
  v.check(isRange, "expected an IPv4 range, as 203.0.113.0/24, with no bits after the prefix"),
);
const count = (min: number, max: number) =>
  v.pipe(
    v.number(`expected a number from ${min} to ${max}`),
    v.integer("expected a whole number"),
    v.minValue(min, `expected ${min} or more`),
    v.maxValue(max, `expected ${max} or less`),
  );
const id = (prefix: string) =>
  v.pipe(v.string(), v.regex(new RegExp(`^${prefix}-[0-9a-z-]+$`), `expected ${prefix}-…`));
const topicArn = /^arn:aws(?:-[a-z]+)*:sns:[a-z]{2}(?:-[a-z]+)+-\d+:\d{12}:[\w-]{1,256}$/;
/** Of AWS's public registry: the task's role may log in to no other. ECS takes no tag beside a digest. */
const imageByDigest = /^public\.ecr\.aws(?:\/[a-z0-9]+(?:[._-][a-z0-9]+)*)+@sha256:[0-9a-f]{64}$/;
const flag = v.boolean("expected true or false");
const text = v.pipe(v.string("expected text"), v.minLength(1, "expected text"));

/** What can be set for a stage. `stage.ts` has the values of each kind; `postern.config.ts` may replace single ones. */
const groups = {
  /** Data loss is refused: `sst remove` is, too, and what holds data outlives the stage. */
  protected: flag,
  /**
   * Its roles are made under the boundary of the access baseline, which has to be there first; roles of CI can make no others
   * (docs/access.md). Another value makes the roles anew. Default: false.
   */
  boundary: v.optional(flag),
  network: v.strictObject({
    /** The VPC's own range. Stages that are to be peered need ranges that do not overlap. */
    range,
    /** How many availability zones, or their names. RDS needs two; each has a NAT instance of its own. */
    zones: v.union(
      [count(1, 4), v.pipe(v.array(text), v.minLength(1, "expected a name"), v.maxLength(4, "expected at most 4"))],
      "expected how many availability zones, from 2 to 4, or their names",
    ),
    /** A VPC that is there already, in the place of one of its own. It brings its NAT and its endpoints. */
    existing: v.optional(
      v.strictObject({
        vpcId: id("vpc"),
        privateSubnetIds: v.array(id("subnet")),
        /** The subnets have no way to the internet: the VPC has endpoints of AWS's services (docs/stack.md). Default: false. */
        isolated: v.optional(flag),
      }),
    ),
    /** How people reach the database: a session of SSM, SST's tunnel through SSH, or not at all. */
    bastion: v.picklist(["ssm", "ssh", "none"], 'expected "ssm", "ssh" or "none"'),
    /** Who may reach port 22 of the bastion; only with `bastion: "ssh"`. */
    sshFrom: v.array(cidr),
    flowLogs: flag,
    nat: v.strictObject({
      instanceType: v.pipe(
        v.string(),
        v.regex(/^[a-z0-9]+g[a-z]*\.[a-z0-9]+$/, "expected a Graviton type, as t4g.nano"),
      ),
      /** Name of the image, `*` allowed; the newest that fits. For new instances only. */
      imageName: text,
      /** The image itself, in the place of its name. */
      imageId: v.optional(id("ami")),
      /** Replaces the instance of one zone (1, 2 …) with one of the present image, in this deploy. */
      renewZone: v.optional(count(1, 4)),
    }),
  }),
  database: v.strictObject({
    /** PostgreSQL's version, as RDS has it. */
    version: v.pipe(
      v.string('expected text, as "17"'),
      v.regex(/^1[6-8](?:\.\d+)?$/, "expected a version from 16 to 18, as 17 or 17.6"),
    ),
    /** Danger: the major version that runs and that the next deploy leaves for that of `version`. RDS cannot go back. */
    upgradeFrom: v.optional(v.pipe(v.string(), v.regex(/^1[67]$/, "expected the major version that runs, 16 or 17"))),
    /** RDS instance class without `db.`. */
    instanceClass: v.pipe(
      v.string(),
      v.regex(/^[a-z]{1,2}\d[a-z]*\.(?:micro|small|medium|(?:\d*x)?large)$/, "expected a class, as t4g.micro"),
    ),
    storageGb: count(20, 65_536),
    /** Storage grows by itself up to this. */
    maxStorageGb: count(20, 65_536),
    multiAz: flag,
    backupDays: count(1, 35),
    deletionProtection: flag,
    finalSnapshot: flag,
    /** Name of the database inside. Default: `postern`; of what is adopted or restored: what RDS says. Permanent. */
    name: v.optional(
      v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]{0,62}$/, "expected lower-case letters, digits and _, from a letter")),
    ),
    /** An RDS instance that is there already, by identifier. */
    adopt: v.optional(text),
    /** A snapshot to begin with, by identifier or ARN. */
    restoreSnapshot: v.optional(text),
  }),
  proxy: v.strictObject({
    enabled: flag,
    /** Of the database's connections. */
    maxConnectionsPercent: count(1, 100),
    borrowTimeoutSeconds: count(1, 3600),
    idleTimeoutSeconds: count(1, 28_800),
    /** Danger: writes statements with their values to CloudWatch. AWS turns it off after a day. */
    debugLogging: flag,
    /** Applications log in to it with IAM, so that they need no secret. Default: with the secret. */
    iamForApp: v.optional(flag),
  }),
  health: v.strictObject({
    /**
     * How many checks may run at once; the function's URL is public. `"none"` reserves none, for accounts that cannot: AWS
     * keeps a part of an account's concurrent executions unreserved, and a new account may have no more than that.
     */
    concurrency: v.union([count(1, 100), v.literal("none")], 'expected a number from 1 to 100, or "none"'),
    /** Default: through the proxy where there is one. */
    via: v.optional(v.picklist(["proxy", "database"], 'expected "proxy" or "database"')),
  }),
  /** The task for runs of more than 15 minutes. Costs nothing when idle. */
  longRuns: v.union(
    [
      flag,
      v.strictObject({
        /** The image of Node that it runs on, by digest. Default: the newest of Node 24. */
        image: v.pipe(v.string(), v.regex(imageByDigest, "expected a public image by digest")),
      }),
    ],
    'expected true, false, or { image: "public.ecr.aws/docker/library/node@sha256:…" }',
  ),
  /** Where alarms go. */
  alarms: v.strictObject({
    email: v.optional(v.pipe(v.string(), v.email("expected an e-mail address"))),
    topicArn: v.optional(
      v.pipe(
        v.string(),
        v.regex(topicArn, "expected the ARN of an SNS topic, as arn:aws:sns:eu-central-1:123456789012:on-call"),
      ),
    ),
  }),
  /** What a deploy does to the database when its parts are there. */
  deployHook: v.strictObject({ migrate: flag, seedReference: flag }),
} as const;

const settingsSchema = v.strictObject(groups);
export type StageSettings = Readonly<v.InferOutput<typeof settingsSchema>>;

const overridesSchema = v.partial(
  v.strictObject({
    ...groups,
    network: v.partial(v.strictObject({ ...groups.network.entries, nat: v.partial(groups.network.entries.nat) })),
    database: v.partial(groups.database),
    proxy: v.partial(groups.proxy),
    health: v.partial(groups.health),
    deployHook: v.partial(groups.deployHook),
  }),
);
export type StageOverrides = v.InferInput<typeof overridesSchema>;

/** Without it a key that no stage can have would replace nothing, and nobody would know. */
const stageName = v.pipe(
  v.string(),
  v.check(isStageName, `no stage has this name: expected ${stageNameRule}`),
  v.check(
    (name) => name !== localStageName,
    "this is the stage that `postern local` runs, which is never deployed and has no settings here; expected another name",
  ),
);

/** A list, a Map or a Date would pass for a record without entries. */
const table = <T extends v.GenericSchema>(entries: T) =>
  v.pipe(
    v.custom<v.InferInput<T>>(
      (value) => typeof value === "object" && value !== null && !Array.isArray(value) && isPlain(value),
      "expected an object, as { name: … }",
    ),
    entries,
  );

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

const configEntries = v.partial(
  v.strictObject({
    /** By name of the stage. */
    stages: table(v.record(stageName, overridesSchema)),
    /** For every stage that `stages` does not name, but production and staging, which are kinds of their own. */
    otherStages: overridesSchema,
    /** Ranges that stages are peered with, by any name. No stage may overlap them. */
    peers: table(v.record(v.string(), cidr)),
  }),
);
export const configSchema = v.pipe(
  v.custom<v.InferInput<typeof configEntries>>(
    (config) => typeof config === "object" && config !== null && !Array.isArray(config),
    "expected an object, as { stages: {} }",
  ),
  configEntries,
);
/** What `postern.config.ts` exports. */
export type PosternConfig = v.InferInput<typeof configSchema>;
