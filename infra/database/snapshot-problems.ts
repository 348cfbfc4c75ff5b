import type { StageSettings } from "../settings/schema.ts";
import { majorVersion } from "./versions.ts";

/** As much of one as matters here, as RDS says it. */
export type Snapshot = {
  /** GB. */
  readonly allocatedStorage: number;
  readonly dbSnapshotArn: string;
  readonly encrypted: boolean;
  readonly engine: string;
  readonly engineVersion: string;
};

type Wanted = Pick<StageSettings["database"], "storageGb" | "version">;

/**
 * What keeps a snapshot from being what a database begins with. Pure.
 *
 * @param id as the settings name it
 * @param accountId of whoever deploys
 */
export function findSnapshotProblems(
  id: string,
  { allocatedStorage, dbSnapshotArn, encrypted, engine, engineVersion }: Snapshot,
  { storageGb, version }: Wanted,
  accountId: string,
): string[] {
  if (engine !== "postgres") return [`its engine is ${engine}; expected postgres`];
  const problems: string[] = [];
  if (!encrypted) {
    problems.push(`it is not encrypted, and neither would the database be; restore an encrypted copy: ${copyOf(id)}`);
  } else if (accountOf(dbSnapshotArn) !== accountId) {
    // https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ShareSnapshot.html
    problems.push(
      `it is encrypted and of account ${accountOf(dbSnapshotArn)}, and RDS restores no such snapshot; restore a copy: ${copyOf(id)}`,
    );
  }
  const [from, to] = [majorVersion(engineVersion), majorVersion(version)];
  if (from !== to) {
    problems.push(
      `its version is ${engineVersion}, and database.version ${version}; expected ${from}, and an upgrade in a deploy after it`,
    );
  }
  if (allocatedStorage > storageGb) {
    problems.push(
      `it is of ${allocatedStorage} GB, and database.storageGb ${storageGb}; expected ${allocatedStorage} or more: RDS takes no storage away`,
    );
  }
  return problems;
}

/** `arn:aws:rds:REGION:ACCOUNT:snapshot:NAME`. */
function accountOf(arn: string): string {
  return arn.split(":")[4] ?? "";
}

/** With AWS's own key of RDS; a key of the account's own may be named in its place. */
function copyOf(id: string): string {
  // Of an ARN, and of a name that RDS made (`rds:…`), what is behind the last colon.
  const name = id.split(":").at(-1) ?? id;
  return (
    `aws rds copy-db-snapshot --source-db-snapshot-identifier ${id} ` +
    `--target-db-snapshot-identifier ${name}-encrypted --kms-key-id alias/aws/rds`
  );
}
