import { breakGlassRows } from "./break-glass.ts";
import { boundaryRows } from "./ci/boundary.ts";
import { defaultGroupRows } from "./ci/default-group.ts";
import { deployRows } from "./ci/deploy.ts";
import { limitlessRows } from "./ci/limitless.ts";
import { migrateJobRows } from "./ci/migrate.ts";
import { deployNameRows } from "./ci/names.ts";
import { deployNetworkRows } from "./ci/network.ts";
import { deployRoleRows } from "./ci/roles.ts";
import { deployRuleRows } from "./ci/watch.ts";
import { guardRows } from "./guard.ts";
import { anyHostRows, loginRows } from "./logins.ts";
import { protectedTunnelRows } from "./protected.ts";
import { oidcRows } from "./oidc.ts";
import type { Row } from "./row.ts";
import { besideTunnelRows, ownSessionRows, sessionRows } from "./sessions.ts";
import { doctorRows, longRunRows, migrateRows, repairRows } from "./stage-work.ts";

/** The whole matrix, in the order in which it is printed. */
export const matrix: Readonly<Record<string, readonly Row[]>> = {
  "Tunnels to one's own stage": sessionRows,
  "Sessions of one's own": ownSessionRows,
  "What a tunnel needs beside": besideTunnelRows,
  "Tunnels to any host": anyHostRows,
  "Logins to databases": loginRows,
  "Protected stages": protectedTunnelRows,
  "Who may break the glass": breakGlassRows,
  Migrations: migrateRows,
  "Long runs": longRunRows,
  "The doctor": doctorRows,
  "repair-nat": repairRows,
  "What every policy denies": guardRows,
  "Which jobs of GitHub's take a role": oidcRows,
  "Deploys of CI": deployRows,
  "What CI changes by its name": deployNameRows,
  "Alarms and rules that CI makes": deployRuleRows,
  "What AWS lets nobody limit to a stage": limitlessRows,
  "Networks that CI makes": deployNetworkRows,
  "The default group of a network that CI makes": defaultGroupRows,
  "Roles that CI makes": deployRoleRows,
  "Migrations of CI": migrateJobRows,
  "What a stage's roles may do at most": boundaryRows,
};
