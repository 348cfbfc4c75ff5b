import { describe, expect, it } from "vitest";
import { findSnapshotProblems, type Snapshot } from "../../../infra/database/snapshot-problems.ts";

const ours = "123456789012";
const theirs = "arn:aws:rds:eu-central-1:210987654321:snapshot:theirs";
const fine: Snapshot = {
  allocatedStorage: 20,
  dbSnapshotArn: `arn:aws:rds:eu-central-1:${ours}:snapshot:before`,
  encrypted: true,
  engine: "postgres",
  engineVersion: "17.6",
};
const settings = { storageGb: 20, version: "17" };

const problemsOf = (snapshot: Partial<Snapshot>, id = "before") =>
  findSnapshotProblems(id, { ...fine, ...snapshot }, settings, ours);

describe("a snapshot that a database is to begin with", () => {
  it.each([
    ["encrypted, of the same major version and no larger than the storage", {}],
    ["smaller", { allocatedStorage: 5 }],
    ["of an older minor version", { engineVersion: "17.1" }],
    // The instance is made with it: RDS cannot go back.
    ["of a newer minor version", { engineVersion: "17.99" }],
  ])("may be %s", (_what, snapshot) => {
    expect(problemsOf(snapshot)).toEqual([]);
  });

  it.each<[string, string, Partial<Snapshot>, string]>([
    [
      "not encrypted, with the command that makes a copy which is",
      "before",
      { encrypted: false },
      "aws rds copy-db-snapshot --source-db-snapshot-identifier before " +
        "--target-db-snapshot-identifier before-encrypted --kms-key-id alias/aws/rds",
    ],
    [
      "not encrypted and RDS's own, whose name no copy can have",
      "rds:main-2026-11-01-03-00",
      { encrypted: false },
      "--source-db-snapshot-identifier rds:main-2026-11-01-03-00 " +
        "--target-db-snapshot-identifier main-2026-11-01-03-00-encrypted ",
    ],
    [
      "shared and not encrypted",
      theirs,
      { dbSnapshotArn: theirs, encrypted: false },
      `it is not encrypted, and neither would the database be; restore an encrypted copy: aws rds copy-db-snapshot ` +
        `--source-db-snapshot-identifier ${theirs} --target-db-snapshot-identifier theirs-encrypted`,
    ],
    [
      "shared and encrypted, which RDS does not restore",
      theirs,
      { dbSnapshotArn: theirs },
      "it is encrypted and of account 210987654321, and RDS restores no such snapshot; restore a copy: aws rds",
    ],
    [
      "larger than the storage",
      "before",
      { allocatedStorage: 21 },
      "it is of 21 GB, and database.storageGb 20; expected 21 or more",
    ],
    ["of another engine", "before", { engine: "mysql" }, "its engine is mysql; expected postgres"],
    [
      "of the major version before",
      "before",
      { engineVersion: "16.4" },
      "its version is 16.4, and database.version 17; expected 16, and an upgrade in a deploy after it",
    ],
    ["of the major version after", "before", { engineVersion: "18.1" }, "expected 18"],
  ])("is refused when it is %s", (_what, id, snapshot, problem) => {
    expect(problemsOf(snapshot, id)).toEqual([expect.stringContaining(problem)]);
  });

  it("is refused for everything at once", () => {
    expect(problemsOf({ encrypted: false, engineVersion: "16.4", allocatedStorage: 200 })).toHaveLength(3);
  });
});
