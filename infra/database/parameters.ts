import type { StageSettings } from "../settings/schema.ts";
import { majorVersion } from "./versions.ts";

type Parameter = {
  readonly name: string;
  readonly value: string;
  readonly applyMethod: "immediate" | "pending-reboot";
};

/**
 * Whole, because RDS's defaults differ between versions of PostgreSQL.
 *
 * One whose value is what RDS has by itself waits for a reboot: RDS takes no other method for it, and the provider would change
 * it again in each deploy. A group is there before the instance starts with it.
 * https://github.com/hashicorp/terraform-provider-aws/issues/39252
 */
const parameters: readonly Parameter[] = [
  { name: "rds.force_ssl", value: "1", applyMethod: "pending-reboot" },
  // Nothing reads the log logically, and a slot that nobody reads fills the storage.
  { name: "rds.logical_replication", value: "0", applyMethod: "pending-reboot" },
  { name: "password_encryption", value: "scram-sha-256", applyMethod: "pending-reboot" },
  // Statements are not logged: their text has values in it, and the verifiers of passwords. Performance Insights shows
  // the slow ones without their values.
  { name: "log_statement", value: "none", applyMethod: "pending-reboot" },
  { name: "log_min_duration_statement", value: "-1", applyMethod: "pending-reboot" },
  { name: "log_parameter_max_length_on_error", value: "0", applyMethod: "pending-reboot" },
  // Who waited for whom, what did not fit into memory, which tables vacuum cannot keep up with.
  { name: "log_lock_waits", value: "1", applyMethod: "immediate" },
  { name: "log_temp_files", value: "65536", applyMethod: "immediate" },
  { name: "log_autovacuum_min_duration", value: "10000", applyMethod: "pending-reboot" },
  // With application_name, in which a person who writes says why (`psql --write --reason`).
  { name: "log_connections", value: "1", applyMethod: "immediate" },
  // With user, address and length of the session.
  { name: "log_disconnections", value: "1", applyMethod: "immediate" },
];

/**
 * One group a major version, the next of which is there before the instance takes it. RDS makes the end of its name: a group
 * that was left by a deploy that failed, or that stays, is in nobody's way.
 */
export function declareParameters(
  identifier: string,
  { protected: isProtected, database }: StageSettings,
): aws.rds.ParameterGroup {
  const family = `postgres${majorVersion(database.version)}`;
  return new aws.rds.ParameterGroup(
    "DatabaseParameters",
    {
      namePrefix: `${identifier}-${family}-`,
      description: `Parameters of ${identifier}`,
      family,
      parameters: [...parameters],
    },
    { retainOnDelete: isProtected, deleteBeforeReplace: false },
  );
}
