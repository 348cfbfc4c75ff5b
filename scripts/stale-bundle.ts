import { PosternError } from "#lib/base/errors.ts";
import type { Manifest } from "#lib/contract.ts";
import type { MigrationFolder } from "#lib/migrate/source.ts";

/**
 * The functions act with the migrations of their bundle: when the folder here differs, what one reads is not what would run.
 *
 * @throws PosternError `bundle.stale`
 */
export function refuseStaleBundle({ bundle, stage }: Manifest, folder: MigrationFolder): void {
  if (bundle.migrationsHash === folder.hash) return;
  const deployed = `the functions of stage ${stage} were built from another one (version ${bundle.version})`;
  throw new PosternError("bundle.stale", `The migrations folder ${folder.dir} is not what is deployed: ${deployed}.`);
}
