import { PosternError } from "#lib/base/errors.ts";
import type { Migration } from "../source.ts";
import { parseMigration } from "./parse-migration.ts";

/**
 * Refuses migrations that would break out of their transaction or wait for a client, before anything is applied. What the
 * parser itself does not take (broken SQL, a newer server's grammar, a file too large for it) is left to the server, which
 * knows better; `applyMigration` watches the transaction either way.
 *
 * @throws PosternError `migrations.transaction-control`, `migrations.client-command`
 */
export async function refuseUnfitMigrations(migrations: readonly Migration[]): Promise<void> {
  for (const migration of migrations) {
    try {
      await parseMigration(migration);
    } catch (error) {
      if (!(error instanceof PosternError) || isUnfit(error)) throw error;
    }
  }
}

function isUnfit({ code }: PosternError): boolean {
  return code === "migrations.transaction-control" || code === "migrations.client-command";
}
