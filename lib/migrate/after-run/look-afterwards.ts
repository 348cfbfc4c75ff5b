import type pg from "pg";
import type { AfterRun } from "#lib/protocol.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { resetSession } from "../run/session.ts";
import { checkAfterRun } from "./check-after-run.ts";

/**
 * Checks the schema at the end of a run that has changed something. What was done stays done, whether or not it can be looked
 * at: the connection may be lost, or a table locked.
 *
 * @param onFailure called with the reason when there is no answer
 */
export async function lookAfterwards(
  client: pg.Client,
  onFailure?: (reason: string) => void,
): Promise<AfterRun | undefined> {
  try {
    await resetSession(client);
    return await checkAfterRun(client);
  } catch (error) {
    onFailure?.(toDatabaseError(error, "looking at the schema afterwards").message);
    return undefined;
  }
}
