import { type RotatableRole, roleNames, secretName } from "#lib/contract.ts";
import type { Database } from "../database.ts";
import type { StageSettings } from "../settings/schema.ts";

/** How long Secrets Manager can bring back a secret that was deleted by hand: the longest it offers. */
const recoveryDays = 30;

/**
 * The logins of the service roles, made without a value: no password is ever in the state of a deploy. `setup` puts the
 * first ones in.
 *
 * Their names are fixed. A stage that is not protected frees them at once, so that it can be made again.
 */
export function declareSecrets({ protected: isProtected }: StageSettings): Database["secrets"] {
  const declare = (logicalName: string, role: RotatableRole) =>
    new aws.secretsmanager.Secret(
      logicalName,
      {
        name: secretName($app.stage, role),
        description: `Login of the PostgreSQL role ${roleNames[role]}. Setup puts the first password in.`,
        recoveryWindowInDays: isProtected ? recoveryDays : 0,
      },
      { protect: isProtected, retainOnDelete: isProtected },
    );
  return {
    migrator: declare("DatabaseMigratorSecret", "migrator"),
    app: declare("DatabaseAppSecret", "app"),
    health: declare("DatabaseHealthSecret", "health"),
  };
}
