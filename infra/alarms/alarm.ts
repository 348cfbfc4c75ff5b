import type { Instance } from "../database.ts";
import type { Network } from "../network.ts";
import type { StageSettings } from "../settings/schema.ts";

export type AlarmParts = {
  readonly settings: StageSettings;
  readonly network: Network;
  readonly database: Pick<Instance, "instanceId" | "instanceClass" | "storageGb" | "maxStorageGb">;
  /** Its name at RDS; undefined without a proxy. */
  readonly proxyName: $util.Input<string> | undefined;
  /** Names of the functions. */
  readonly runner: string;
  readonly health: string;
  /** Name of the runner's log group. */
  readonly runnerLog: $util.Input<string>;
  /** Undefined without long runs. */
  readonly longRuns: LongRunParts | undefined;
};

type LongRunParts = {
  /** Name of the task's log group. */
  readonly logName: $util.Input<string>;
  /** Nothing but long runs is in it. */
  readonly clusterArn: $util.Input<string>;
};

export type Alarm = {
  /** Logical name, without the part. */
  readonly name: string;
  /** What is wrong and where to look; it is in the mail. */
  readonly says: string;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions?: Readonly<Record<string, $util.Input<string>>>;
  readonly statistic: "Average" | "Maximum" | "Minimum" | "Sum";
  readonly below?: number;
  readonly atLeast?: number;
  readonly minutes: number;
  /** How many such spans in a row. */
  readonly times: number;
  /** That nothing is measured is a failure, too. Default: it is none; nobody asked, nothing ran. */
  readonly isSilenceBad?: boolean;
};
