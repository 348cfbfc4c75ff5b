import { instanceIdentifier, isStageName, localStageName, stageNameRule } from "#lib/contract.ts";
import { isTakenDatabaseName } from "./database-names.ts";
import { overlaps, sizeOfRange } from "./ranges.ts";
import type { StageSettings } from "./schema.ts";

export function findNameProblem(stage: string): string | undefined {
  if (stage === localStageName) return `the name ${stage} is kept for the stage that \`postern local\` runs`;
  return isStageName(stage) ? undefined : `the name ${JSON.stringify(stage)} is not valid: expected ${stageNameRule}`;
}

/** Parts of a name by which people mean the stage whose data counts. */
const productionWords = /^(?:production|prod|prd|live)\d*$/;

/**
 * A stage that sounds like production and is none of that kind: everybody would take it for a protected one. Pure.
 *
 * @param isSaid whether `postern.config.ts` says of this very stage if it is protected
 */
export function findUnclearProtection(stage: string, isSaid: boolean): string | undefined {
  if (stage === "production" || isSaid || !stage.split("-").some((word) => productionWords.test(word)))
    return undefined;
  return (
    `stages.${stage}.protected: is missing; ${stage} sounds like production, but only the stage of exactly that name is ` +
    "protected by itself. Write in postern.config.ts, under stages, either " +
    `${JSON.stringify(stage)}: { protected: false } or ${JSON.stringify(stage)}: { protected: true, network: { flowLogs: true }, ` +
    "database: { multiAz: true, backupDays: 30, deletionProtection: true, finalSnapshot: true } }"
  );
}

/**
 * What each setting allows alone but not together with the others. Each begins with the offending key. Pure.
 *
 * @param others ranges that this stage must not overlap, by whose they are
 */
export function findContradictions(
  stage: string,
  settings: StageSettings,
  others: Readonly<Record<string, string>>,
): string[] {
  const checks = [...networkChecks(settings, others), ...databaseChecks(stage, settings), ...partChecks(settings)];
  return checks.filter(([isBroken]) => isBroken).map(([, key, problem]) => `${stage}: ${key}: ${problem}`);
}

type Check = readonly [isBroken: boolean, key: string, problem: string];

function networkChecks(
  { protected: isProtected, network }: StageSettings,
  others: Readonly<Record<string, string>>,
): Check[] {
  const { range, zones, existing, bastion, sshFrom, flowLogs, nat } = network;
  const zoneCount = typeof zones === "number" ? zones : zones.length;
  const privateSubnets = existing?.privateSubnetIds.length ?? 0;
  const instances = existing === undefined ? zoneCount : 1;
  const whole = sshFrom.filter(isManyNetworks);
  const total = sshFrom.reduce((sum, one) => sum + sizeOfRange(one), 0);
  const isNamedTwice = typeof zones === "object" && new Set(zones).size < zones.length;
  return [
    ...Object.entries(others).map(([whose, other]): Check => [
      existing === undefined && overlaps(range, other),
      "network.range",
      `${range} overlaps ${other} of ${whose}; expected a range of its own`,
    ]),
    [
      zoneCount < 2,
      "network.zones",
      `${zoneCount}; expected 2 or more: RDS takes no fewer, and multiAz needs a second one`,
    ],
    [
      isProtected && existing === undefined && !flowLogs,
      "network.flowLogs",
      "false; expected true on a protected stage",
    ],
    [isNamedTwice, "network.zones", "a zone is named twice"],
    [
      existing !== undefined && privateSubnets < 2,
      "network.existing.privateSubnetIds",
      `${privateSubnets} private subnets; expected 2 or more, in different zones, with a route to the internet through NAT`,
    ],
    [
      existing !== undefined && bastion === "ssh",
      "network.bastion",
      '"ssh" needs the NAT instances of a VPC of its own; expected "ssm" or "none" with network.existing',
    ],
    [
      bastion === "ssh" && sshFrom.length === 0,
      "network.sshFrom",
      'empty; expected the ranges that may reach port 22 with bastion "ssh"',
    ],
    [
      whole.length > 0,
      "network.sshFrom",
      `${whole.join(", ")}: nobody knows everybody in it; expected ranges of /16 at most, as 203.0.113.7/32`,
    ],
    [
      whole.length === 0 && total > 2 * mostSshAddresses,
      "network.sshFrom",
      `${total} addresses together; expected the size of two /16 ranges at most, ${2 * mostSshAddresses}`,
    ],
    [
      existing === undefined && overlaps(range, dockerRange),
      "network.range",
      `${range} overlaps ${dockerRange}, which Docker takes on each machine where it is: what runs there would not find the stage; expected another one`,
    ],
    [
      bastion !== "ssh" && sshFrom.length > 0,
      "network.sshFrom",
      `nothing listens for them with bastion "${bastion}"; expected none`,
    ],
    [
      nat.renewZone !== undefined && nat.renewZone > instances,
      "network.nat.renewZone",
      `${nat.renewZone}; expected ${instances === 1 ? "1, for the only bastion" : `a zone from 1 to ${instances}`}`,
    ],
  ];
}

/** Of Docker's first bridge; it goes on from there (172.18.0.0/16 …) where that is taken. */
const dockerRange = "172.17.0.0/16";

/** Those of a /16. */
const mostSshAddresses = 2 ** 16;

/** A short prefix is no name for somebody; many ranges are no better than a short one. */
function isManyNetworks(range: string): boolean {
  return sizeOfRange(range) > mostSshAddresses;
}

function databaseChecks(stage: string, { protected: isProtected, network, database }: StageSettings): Check[] {
  const { storageGb, maxStorageGb, multiAz, backupDays, deletionProtection, finalSnapshot, adopt, restoreSnapshot } =
    database;
  const isNew = adopt === undefined && restoreSnapshot === undefined;
  return [
    [
      isNew && isTakenDatabaseName(database.name ?? ""),
      "database.name",
      `${database.name}; RDS keeps it for itself or PostgreSQL, and makes no database of that name; expected another one`,
    ],
    [
      maxStorageGb !== storageGb && maxStorageGb < leastMaxStorageGb(storageGb),
      "database.maxStorageGb",
      `${maxStorageGb}; expected storageGb, ${storageGb}, for storage that does not grow, or a tenth above it, ` +
        `${leastMaxStorageGb(storageGb)}, which is the least that RDS takes`,
    ],
    [isProtected && !deletionProtection, "database.deletionProtection", "false; expected true on a protected stage"],
    [isProtected && !finalSnapshot, "database.finalSnapshot", "false; expected true on a protected stage"],
    [isProtected && backupDays < 7, "database.backupDays", `${backupDays}; expected 7 or more on a protected stage`],
    [isProtected && !multiAz && adopt === undefined, "database.multiAz", "false; expected true on a protected stage"],
    [
      adopt !== undefined && restoreSnapshot !== undefined,
      "database.restoreSnapshot",
      "there is nothing to restore with database.adopt",
    ],
    [
      adopt === instanceIdentifier(stage),
      "database.adopt",
      `${adopt} is what this stage calls the instance that it makes itself, and would delete; expected another one, or another stage`,
    ],
    [
      adopt !== undefined && network.existing === undefined,
      "database.adopt",
      "expected network.existing, too: the VPC it is in",
    ],
  ];
}

/** In whole numbers: 1.1 times a number is a little more than it should be. */
function leastMaxStorageGb(storageGb: number): number {
  return Math.ceil((storageGb * 11) / 10);
}

function partChecks({ network, longRuns, proxy, health, alarms, deployHook }: StageSettings): Check[] {
  return [
    [
      longRuns !== false && network.existing?.isolated === true,
      "longRuns",
      "its images come from a public registry, which has no endpoint; expected false with network.existing.isolated",
    ],
    [!proxy.enabled && health.via === "proxy", "health.via", '"proxy", but proxy.enabled is false'],
    [!proxy.enabled && proxy.iamForApp === true, "proxy.iamForApp", "true, but proxy.enabled is false"],
    [!proxy.enabled && proxy.debugLogging, "proxy.debugLogging", "true, but proxy.enabled is false"],
    [alarms.email !== undefined && alarms.topicArn !== undefined, "alarms", "email and topicArn; expected one of them"],
    [
      deployHook.seedReference && !deployHook.migrate,
      "deployHook.seedReference",
      "true, but deployHook.migrate is false",
    ],
  ];
}
