import type { StageSettings } from "../settings/schema.ts";
import { findSnapshotProblems } from "./snapshot-problems.ts";

type FoundSnapshot = {
  /** What the instance that is made from it runs at first, as `17.6`. */
  readonly version?: string;
  readonly problems: readonly string[];
};

/**
 * Looks at the snapshot that a database is to begin with. RDS makes the instance as the snapshot is: whether it is
 * encrypted, its version and its storage are the snapshot's, whatever the settings say.
 */
export async function lookUpSnapshot(id: string, settings: StageSettings["database"]): Promise<FoundSnapshot> {
  const key = `database.restoreSnapshot: ${id}`;
  try {
    const [snapshot, { accountId }] = await Promise.all([
      aws.rds.getSnapshot({ dbSnapshotIdentifier: id, includeShared: true }),
      aws.getCallerIdentity(),
    ]);
    const problems = findSnapshotProblems(id, snapshot, settings, accountId);
    return {
      version: snapshot.engineVersion,
      problems: problems.length === 0 ? [] : [`${key}: ${problems.join("; ")}`],
    };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const expected =
      "expected the identifier of one in this region, or the ARN of one that is shared with this account";
    return { problems: [`${key}: there is no such snapshot, or it could not be looked up (${reason}); ${expected}`] };
  }
}
