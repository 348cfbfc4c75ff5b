import type { RecordedResource } from "../../support/sst/recorded.ts";
import { instanceType } from "./database.ts";
import { input, ofType, type Rule, withInputs } from "./rule.ts";

function instances(isFine: (instance: RecordedResource) => boolean, problem: string): Rule["violations"] {
  return (evaluation) =>
    ofType(evaluation, instanceType)
      .filter((instance) => !isFine(instance))
      .map(({ name }) => `${name}: ${problem}`);
}

/** What the database cannot be without, and AWS would not delete beside it. */
const keptTypes = ["aws:rds/subnetGroup:SubnetGroup", "aws:rds/parameterGroup:ParameterGroup"];

/** That data outlives what is done to the stage. */
export const databaseKeepingRules: readonly Rule[] = [
  {
    id: "database-zones",
    title: "A protected database stands in two zones",
    securityHub: ["RDS.5"],
    protectedOnly: true,
    violations: instances((instance) => input(instance, "multiAz") === true, "stands in one zone"),
  },
  {
    id: "database-backups",
    title: "Backups of a protected database are kept for a week or longer",
    securityHub: ["RDS.11"],
    protectedOnly: true,
    violations: instances(
      (instance) => Number(input(instance, "backupRetentionPeriod") ?? 1) >= 7,
      "backups are kept for less than a week",
    ),
    breaks: (ours) => withInputs(ours, instanceType, { backupRetentionPeriod: 1 }),
  },
  {
    id: "database-snapshot-tags",
    title: "Snapshots have the tags of their database",
    securityHub: ["RDS.17"],
    violations: instances((instance) => input(instance, "copyTagsToSnapshot") === true, "its snapshots have no tags"),
  },
  {
    id: "database-deletion-protection",
    title: "RDS refuses to delete a protected database",
    securityHub: ["RDS.8"],
    protectedOnly: true,
    violations: instances((instance) => input(instance, "deletionProtection") === true, "can be deleted"),
  },
  {
    id: "database-final-snapshot",
    title: "A protected database that is deleted all the same leaves a snapshot, and its backups",
    securityHub: [],
    protectedOnly: true,
    violations: instances(
      (instance) =>
        input(instance, "skipFinalSnapshot") === false &&
        typeof input(instance, "finalSnapshotIdentifier") === "string" &&
        input(instance, "deleteAutomatedBackups") === false,
      "leaves no snapshot, or no backups",
    ),
  },
  {
    id: "database-kept",
    title: "A deploy neither deletes nor replaces a protected database, and what it needs stays with it",
    securityHub: [],
    protectedOnly: true,
    violations: (evaluation) => [
      ...ofType(evaluation, instanceType)
        .filter(({ options }) => !options.protect || !options.retainOnDelete)
        .map(({ name }) => `${name}: can be deleted by a deploy`),
      ...keptTypes
        .flatMap((type) => ofType(evaluation, type))
        .filter(({ options }) => !options.retainOnDelete)
        .map(({ name }) => `${name}: goes with the stage`),
    ],
  },
  {
    id: "database-not-replaced",
    title: "A change that RDS cannot make to an instance never deletes it first",
    securityHub: [],
    violations: instances(({ options }) => !options.deleteBeforeReplace, "is deleted before the next one is there"),
  },
  {
    id: "database-changes-wait",
    title: "What interrupts a protected database waits for its maintenance window",
    securityHub: [],
    protectedOnly: true,
    violations: instances((instance) => input(instance, "applyImmediately") === false, "changes at any hour"),
  },
];
