/**
 * What a resource belongs to, by the beginning of its logical name. A name is permanent: renaming it makes the resource
 * anew, with what it holds.
 */
export const parts = {
  Network: "network",
  Database: "database",
  Health: "health",
  Runner: "runner",
  Inspect: "inspect",
  LongRun: "long-runs",
  Manifest: "manifest",
  Alarm: "alarms",
  DeployHook: "deploy-hook",
} as const;

type Part = (typeof parts)[keyof typeof parts];

export function partOf(logicalName: string): Part {
  const found = Object.entries(parts).find(([beginning]) => logicalName.startsWith(beginning));
  if (found) return found[1];
  throw new Error(
    `${logicalName} belongs to no part; its name has to begin with one of ${Object.keys(parts).join(", ")}.`,
  );
}
