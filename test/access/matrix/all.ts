import { breakGlassRows } from "./break-glass.ts";
import { guardRows } from "./guard.ts";
import type { Row } from "./row.ts";
import { doctorRows, longRunRows, migrateRows, repairRows } from "./stage-work.ts";
import { besideTunnelRows, loginRows, ownSessionRows, protectedTunnelRows, sessionRows } from "./tunnel.ts";

/** The whole matrix, in the order in which it is printed. */
export const matrix: Readonly<Record<string, readonly Row[]>> = {
  "Tunnels of a developer": sessionRows,
  "Sessions of one's own": ownSessionRows,
  "What a tunnel needs beside": besideTunnelRows,
  "Logins, and tunnels of an operator": loginRows,
  "Tunnels to a protected stage": protectedTunnelRows,
  "Who may break the glass": breakGlassRows,
  Migrations: migrateRows,
  "Long runs": longRunRows,
  "The doctor": doctorRows,
  "repair-nat": repairRows,
  "What every policy denies": guardRows,
};
