import type { StageSettings } from "../settings/schema.ts";

type Wanted = Pick<StageSettings["database"], "name" | "restoreSnapshot">;

/**
 * Why what runs cannot have the name of the settings, which counts when the instance is made: functions would look for a database
 * that is not there. One that came with a snapshot may be another than the one that RDS knows of. Pure.
 *
 * @param running as RDS has it; empty where it knows of none
 */
export function findRenamedDatabase({ name, restoreSnapshot }: Wanted, running: string): string | undefined {
  if (name === undefined || name === running || restoreSnapshot !== undefined) return undefined;
  return (
    `database.name: ${name}, but RDS made it with ${running === "" ? "none" : running}; expected that, or database.restoreSnapshot ` +
    "beside it where it came with a snapshot"
  );
}
