import { PosternError } from "#lib/base/errors.ts";
import type { Manifest } from "#lib/contract.ts";
import { hashSeeds } from "#lib/migrate/seed/source/seeds-hash.ts";
import type { MigrationFolder } from "#lib/migrate/folder/source.ts";

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

/**
 * The same for the schema file and the declared renames.
 *
 * @throws PosternError `bundle.stale`
 */
export function refuseStaleSchema({ bundle, stage }: Manifest, schemaFile: string, schemaHash: string): void {
  if (bundle.schemaHash === schemaHash) return;
  const built = bundle.schemaHash === undefined ? "without one" : `from another one (version ${bundle.version})`;
  const deployed = `the functions of stage ${stage} were built ${built}`;
  throw new PosternError("bundle.stale", `The schema file ${schemaFile} is not what is deployed: ${deployed}.`);
}

/**
 * The same for the seeds. Where there is no folder here, or the stage was deployed without one, nothing can be compared.
 *
 * @throws PosternError `bundle.stale`
 */
export async function refuseStaleSeeds({ bundle, stage }: Manifest, seedsDir: string): Promise<void> {
  if (bundle.seedsHash === undefined) return;
  const hash = await hashSeeds(seedsDir);
  if (hash === undefined || hash === bundle.seedsHash) return;
  const deployed = `the functions of stage ${stage} were built from another one (version ${bundle.version})`;
  throw new PosternError("bundle.stale", `The seeds folder ${seedsDir} is not what is deployed: ${deployed}.`);
}
