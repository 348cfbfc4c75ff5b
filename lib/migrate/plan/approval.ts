import { PosternError } from "#lib/base/errors.ts";
import type { PlannedMigration } from "#lib/protocol.ts";
import type { ComparedFolder, History } from "../history/history.ts";
import type { Queryable } from "../ledger/ledger.ts";
import { planMigrations } from "./plan.ts";
import { readDatabaseIdentity } from "./database-identity.ts";
import { hashPlan, type PlannedOn } from "./plan-hash.ts";

export type Approval = {
  /** Where data loss is refused without approval. */
  readonly isProtected: boolean;
  /** Hash of the plan that somebody read and approved. */
  readonly approve: string | undefined;
};

/**
 * Why what is pending may not run; undefined when it may. Ask under the run lock, with what was read under it.
 *
 * 1. Nothing pending needs no approval: the same command again is harmless.
 * 2. An approval, wherever it is given, is for exactly its plan; any other is refused.
 * 3. Without one, a protected database takes only plans in which no statement loses data or may lose some.
 */
export async function findUnapproved(
  client: Queryable,
  folder: ComparedFolder,
  { history, applied, begun }: { readonly history: History } & Omit<PlannedOn, "database">,
  { isProtected, approve }: Approval,
): Promise<PosternError | undefined> {
  if (history.pending.length === 0) return undefined;
  if (approve !== undefined) {
    const planHash = hashPlan(history, { applied, begun, database: await readDatabaseIdentity(client) });
    if (planHash === approve) return undefined;
    const tags = history.pending.map(({ tag }) => tag).join(", ");
    return new PosternError(
      "plan.mismatch",
      `Plan ${approve.slice(0, 12)}… was approved, but what would run is plan ${planHash.slice(0, 12)}… (${tags}).`,
    );
  }
  if (!isProtected) return undefined;
  const { pending, destructive } = await planMigrations(client, folder);
  if (!destructive) return undefined;
  return new PosternError("plan.unapproved", `The database is protected, and data may be lost: ${listLosses(pending)}`);
}

const maxListed = 3;

function listLosses(pending: readonly PlannedMigration[]): string {
  const losses = pending.flatMap(({ tag, hazards }) =>
    hazards
      .filter(({ destructive }) => destructive)
      .map(({ line, table, message }) => `${tag} line ${line}: ${table === undefined ? "" : `${table}: `}${message}`),
  );
  const more = losses.length > maxListed ? ` And ${losses.length - maxListed} more.` : "";
  return `${losses.slice(0, maxListed).join(" ")}${more}`;
}
