import type { RotatableRole } from "#lib/contract.ts";
import { adoptInstance } from "./database/adopted.ts";
import { declareInstance } from "./database/instance.ts";
import type { FoundDatabase } from "./database/look-up.ts";
import { declareSecrets } from "./database/secrets.ts";
import type { Network } from "./network.ts";
import { allow, allowIn } from "./security-groups.ts";
import type { StageSettings } from "./settings/schema.ts";

/** What listens on a port. Whoever connects to it is let in by its group (`allow`). */
export type Listener = {
  readonly groupId: $util.Output<string>;
  readonly host: $util.Output<string>;
  readonly port: number;
  /** For `dependsOn` of whatever connects while the stage is deployed. */
  readonly ready: readonly $util.Resource[];
};

/** An instance, wherever it comes from. */
export type Instance = Listener & {
  /** RDS's identifier. */
  readonly instanceId: $util.Output<string>;
  /** `db-…`, by which IAM knows the instance in `rds-db:connect`. */
  readonly resourceId: $util.Output<string>;
  /** Name of the database inside. */
  readonly name: $util.Output<string>;
  /** As `t4g.micro`. */
  readonly instanceClass: string;
  /** What it has at the least; RDS may add to it. */
  readonly storageGb: number;
  /** Up to which it grows by itself; no more than `storageGb` where it does not. */
  readonly maxStorageGb: number;
  /** The master's login, which RDS makes and changes. */
  readonly masterSecretArn: $util.Output<string>;
  /** ARN of the key that encrypts it; undefined with AWS's own, which needs no permission beside. */
  readonly masterKeyArn?: string | undefined;
};

export type Database = Instance & {
  /** The services' logins. They have no value before `setup` gives them one. */
  readonly secrets: Readonly<Record<RotatableRole, aws.secretsmanager.Secret>>;
};

/**
 * The database of a stage: one of its own, one made from a snapshot, or one that is there already.
 *
 * 1. The instance, with a master password that RDS makes and keeps in a secret of its own.
 * 2. The secrets of the service roles, without values.
 * 3. A way in for the bastion. Every other part declares its own (`allow`).
 *
 * Nobody but the master can log in until `setup` has run; the proxy comes after that (`declareProxy`). After a failure
 * halfway the next deploy goes on where it ended.
 */
export function declareDatabase(settings: StageSettings, network: Network, found: FoundDatabase): Database {
  const { adopted, masterKeyArn } = found;
  const instance =
    adopted === undefined
      ? declareInstance(settings, network, found)
      : { ...adoptInstance(adopted, settings), masterKeyArn };
  const secrets = declareSecrets(settings);
  allowFromBastion(instance, settings, network);
  return { ...instance, secrets, ready: [...instance.ready, ...Object.values(secrets)] };
}

function allowFromBastion({ groupId: to, port }: Listener, { network }: StageSettings, { bastionGroupId }: Network) {
  if (bastionGroupId === undefined) return;
  const tunnel = { name: "DatabaseFromBastion", from: bastionGroupId, to, port, description: "Tunnels" };
  // SST's group for NAT instances lets out everything already; the bastion in a VPC that was there before has our own.
  if (network.existing === undefined) allowIn(tunnel);
  else allow(tunnel);
}
