import { access, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Kit, openKit } from "#lib/migrate/push/kit/kit.ts";
import type { SchemaDescription } from "#lib/migrate/push/kit/kit-messages.ts";
import { readRenames, type Rename } from "#lib/migrate/push/renames.ts";
import { hashSchema } from "#lib/migrate/push/schema-hash.ts";
import { bundle, bundleOptions, holdEsbuild } from "./esbuild.ts";

export function schemaFileIn(migrationsDir: string): string {
  return join(migrationsDir, "schema.ts");
}

export function renamesFileIn(migrationsDir: string): string {
  return join(migrationsDir, "renames.json");
}

export type OpenSchema = AsyncDisposable & {
  readonly kit: Kit;
  readonly description: SchemaDescription;
  readonly renames: readonly Rename[];
  /** As in `BundleInfo`. */
  readonly hash: string;
};

export type OpenSchemaOptions = {
  /** Default: a file that is not there declares nothing. */
  readonly renamesMustExist?: boolean;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Bundles a schema file with drizzle-kit, just as for a function, into a temporary folder, and opens it there: what is pushed
 * from here is what would be deployed, and a bundle of drizzle-kit loads in a fifth of the time.
 *
 * @throws PosternError `build.failed`, `push.invalid-schema`, `push.invalid-renames`
 */
export async function openSchema(
  schemaFile: string,
  renamesFile: string,
  options: OpenSchemaOptions = {},
): Promise<OpenSchema> {
  const renames = await readRenames(renamesFile, { mustExist: options.renamesMustExist === true });
  await using stack = new AsyncDisposableStack();
  const folder = stack.adopt(await mkdtemp(join(tmpdir(), "postern-push-")), async (dir) =>
    rm(dir, { recursive: true }),
  );
  await bundlePush(schemaFile, folder);
  const kit = stack.use(openKit({ dir: folder, signal: options.signal }));
  const description = await kit.describe();
  const kept = stack.move();
  const dispose = async () => kept.disposeAsync();
  return { kit, description, renames, hash: hashSchema(description, renames), [Symbol.asyncDispose]: dispose };
}

/**
 * Makes what pushing takes for the schema file and the declared renames of a migrations folder, and proves that it loads.
 *
 * @returns the schema's hash; undefined, and nothing made, where there is no schema file
 * @throws PosternError `build.failed`, `push.invalid-schema`, `push.invalid-renames`
 */
export async function buildPush(migrationsDir: string, outDir: string): Promise<string | undefined> {
  const [schemaFile, renamesFile] = [schemaFileIn(migrationsDir), renamesFileIn(migrationsDir)];
  if (!(await exists(schemaFile))) return undefined;
  const renames = await readRenames(renamesFile);
  await bundlePush(schemaFile, outDir);
  if (await exists(renamesFile)) await cp(renamesFile, join(outDir, "renames.json"));
  await using kit = openKit({ dir: outDir });
  return hashSchema(await kit.describe(), renames);
}

const kitWorkerFile = fileURLToPath(import.meta.resolve("#lib/migrate/push/kit/kit-worker.ts"));

/** For a schema file that lies where no drizzle-orm is installed. */
const ownPackages = [join(import.meta.dirname, "..", "..", "node_modules")];

/**
 * `worker.mjs`, which is drizzle-kit, and `schema.mjs`: a bundle of its own, so that the function starts without any of it.
 * Two modules of one bundle, with one drizzle-orm; a schema file may import its parts without their extension, which a
 * bundler finds and Node does not.
 */
async function bundlePush(schemaFile: string, outDir: string): Promise<void> {
  await using _esbuild = holdEsbuild();
  await bundle("the schema file", {
    ...bundleOptions,
    absWorkingDir: dirname(schemaFile),
    nodePaths: ownPackages,
    entryPoints: { worker: kitWorkerFile, schema: schemaFile },
    outdir: outDir,
    chunkNames: "chunk-[hash]",
    external: [...bundleOptions.external, ...otherDrivers],
  });
}

/** Of other databases and other clients. drizzle-kit imports them where they are used, which here they are not. */
const otherDrivers = [
  "@aws-sdk/client-rds-data",
  "@electric-sql/pglite",
  "@libsql/client",
  "@neondatabase/serverless",
  "@planetscale/database",
  "@vercel/postgres",
  "better-sqlite3",
  "bun:sqlite",
  "mysql2",
  "postgres",
];

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
