import type { StageSettings } from "./settings/schema.ts";

/** Every stage that is neither `production` nor `staging`: cheap, and gone with `sst remove`. */
const other: StageSettings = {
  protected: false,
  network: {
    range: "10.42.0.0/16",
    zones: 2,
    bastion: "ssm",
    sshFrom: [],
    flowLogs: false,
    nat: { instanceType: "t4g.nano", imageName: "fck-nat-al2023-hvm-1.4.0-*-arm64-ebs" },
  },
  database: {
    version: "17",
    instanceClass: "t4g.micro",
    storageGb: 20,
    maxStorageGb: 100,
    multiAz: false,
    backupDays: 1,
    deletionProtection: false,
    finalSnapshot: false,
  },
  proxy: {
    enabled: false,
    maxConnectionsPercent: 90,
    borrowTimeoutSeconds: 30,
    idleTimeoutSeconds: 1800,
    debugLogging: false,
  },
  health: { concurrency: 2 },
  longRuns: false,
  alarms: {},
  deployHook: { migrate: false, seedReference: false },
};

/** As production is made, without what makes it costly. */
const staging: StageSettings = {
  ...other,
  network: { ...other.network, range: "10.41.0.0/16" },
  database: { ...other.database, backupDays: 7 },
  proxy: { ...other.proxy, enabled: true },
};

const production: StageSettings = {
  ...staging,
  protected: true,
  network: { ...staging.network, range: "10.40.0.0/16", flowLogs: true },
  database: {
    ...staging.database,
    instanceClass: "t4g.small",
    maxStorageGb: 500,
    multiAz: true,
    backupDays: 30,
    deletionProtection: true,
    finalSnapshot: true,
  },
  health: { concurrency: 5 },
};

/** What a stage is made of, by its kind. `postern.config.ts` may replace single values. */
export const stageKinds = { production, staging, other } as const satisfies Record<string, StageSettings>;
