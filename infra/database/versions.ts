import type { StageSettings } from "../settings/schema.ts";

type Wanted = Pick<StageSettings["database"], "version" | "upgradeFrom">;

/** `17` of `17.6`. */
export function majorVersion(version: string): string {
  return version.split(".")[0] ?? version;
}

/** Why the version that runs cannot become the one of the settings. Pure. */
export function findVersionProblem({ version, upgradeFrom }: Wanted, running: string): string | undefined {
  const [from, to] = [majorVersion(running), majorVersion(version)];
  if (Number(from) > Number(to)) {
    return `database.version: ${version}, but ${running} runs, and RDS cannot go back; expected ${from}`;
  }
  if (from === to || upgradeFrom === from) return undefined;
  return (
    `database.version: ${version}, but ${running} runs. An upgrade to another major version cannot be undone; ` +
    `read docs/stack.md, then set database.upgradeFrom to "${from}"`
  );
}

/** Whether RDS is to change the version that runs, for another major one. Pure. */
export function isMajorUpgrade({ version }: Wanted, running: string | undefined): boolean {
  return running !== undefined && majorVersion(running) !== majorVersion(version);
}

/**
 * Whether what runs is as new as the settings want it. RDS goes on from a minor version by itself, and cannot go back to
 * the one that was named. Pure.
 */
export function isNewEnough({ version }: Wanted, running: string): boolean {
  if (majorVersion(running) !== majorVersion(version)) return false;
  return minorVersion(running) >= minorVersion(version);
}

function minorVersion(version: string): number {
  return Number(version.split(".")[1] ?? 0);
}
