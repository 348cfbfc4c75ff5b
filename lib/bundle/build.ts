import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Metafile } from "esbuild";
import * as v from "valibot";
import { systemClock } from "#lib/base/clock.ts";
import { parseInput } from "#lib/base/config.ts";
import { type BundleInfo, type FunctionPart, functionParts } from "#lib/contract.ts";
import { journalFile } from "#lib/migrate/folder/journal.ts";
import { hashSeeds } from "#lib/migrate/seed/source/seeds-hash.ts";
import { type MigrationFolder, readMigrations } from "#lib/migrate/folder/source.ts";
import { allSettledOrThrow } from "./all-settled.ts";
import { type AuthoritySource, type BundledAuthorities, chooseAuthorities } from "./authorities.ts";
import { bundle, bundleOptions, holdEsbuild } from "./esbuild.ts";
import { readGitCommit } from "./git-commit.ts";
import { buildPush } from "./push.ts";

export type BuildFunctionsOptions = AuthoritySource & {
  /** Folder that holds `package.json`, `functions/` and (unless `migrationsDir` says otherwise) `migrations/`. */
  readonly root: string;
  /** Replaced as a whole, and only by a build that succeeded. */
  readonly outDir: string;
  readonly migrationsDir?: string;
  /** Which functions to build; default: all. */
  readonly parts?: readonly FunctionPart[];
  /** A failure after it was aborted counts as called off. */
  readonly signal?: AbortSignal;
};

export type BuiltFunctions = {
  readonly info: BundleInfo;
  /** What `ca.pem` holds; absent where no region and no file was named: the functions then take Node's roots. */
  readonly authorities?: BundledAuthorities;
  readonly parts: Readonly<Record<FunctionPart, BuiltPart>>;
};

type BuiltPart = {
  readonly dir: string;
  /** esbuild's account of what went in; paths are relative to `root`. */
  readonly metafile: Metafile;
};

const seedThreadFile = fileURLToPath(import.meta.resolve("#lib/migrate/seed/format/module-thread.ts"));

/** Only the runner seeds and pushes. */
const partThatWrites: FunctionPart = "runner";

/** By so much our own signal may come later than the end of a child that had it, too. */
const signalGraceMs = 100;

/**
 * Builds the Lambda bundles, for the local stage and for a deploy alike.
 *
 * 1. Reads the version, the commit, the migrations folder and the CAs, and bundles the schema file with what pushes it; a
 *    broken one, or a region without CAs, stops the build here.
 * 2. Bundles `functions/<part>.ts` to `<part>/index.mjs` with its chunks, into a new folder beside `outDir`.
 * 3. Adds `bundle.json`, `ca.pem`, the migrations and, for the runner, the seeds and what it takes to push.
 * 4. Puts the new folder in the place of `outDir`.
 *
 * After a failure `outDir` is as it was before.
 *
 * @throws AbortError when the signal was aborted; PosternError `build.failed`, `config.invalid`, those of `readMigrations` and of
 *   `chooseAuthorities`
 */
export async function buildFunctions(options: BuildFunctionsOptions): Promise<BuiltFunctions> {
  const { root, outDir, migrationsDir = join(root, "migrations"), parts = functionParts } = options;
  await using _esbuild = holdEsbuild();
  const authorities = await chooseAuthorities(options, systemClock.wallTime());
  const folder = await readMigrations(migrationsDir);
  await mkdir(dirname(outDir), { recursive: true });
  const freshDir = await mkdtemp(join(dirname(outDir), `.${basename(outDir)}-`));
  const pushDir = join(freshDir, ".push");
  try {
    const info = await readBundleInfo(root, folder, pushDir);
    const built = await allSettledOrThrow(
      parts.map(async (part) => {
        const dir = join(freshDir, part);
        const metafile = await buildPart({ root, part, dir, folder, pushDir, info });
        if (authorities !== undefined) await writeFile(join(dir, "ca.pem"), authorities.pem);
        return [part, { dir: join(outDir, part), metafile }] as const;
      }),
    );
    options.signal?.throwIfAborted();
    await rm(pushDir, { recursive: true, force: true });
    // A temporary folder is for its owner alone.
    await chmod(freshDir, 0o755);
    await replaceFolder(outDir, freshDir);
    // One entry for each part asked for; callers that ask for some know which.
    return {
      info,
      ...(authorities === undefined ? {} : { authorities }),
      parts: Object.fromEntries(built) as BuiltFunctions["parts"],
    };
  } catch (error) {
    // Ctrl-C at a terminal reaches esbuild's process as well, whose end we may hear of before our own signal.
    await setTimeout(signalGraceMs, undefined, { signal: options.signal }).catch(() => {});
    options.signal?.throwIfAborted();
    throw error;
  } finally {
    await rm(freshDir, { recursive: true, force: true });
  }
}

/** The hash of the schema is known once what pushes it is made, in `pushDir`. */
async function readBundleInfo(root: string, folder: MigrationFolder, pushDir: string): Promise<BundleInfo> {
  const [packageText, gitCommit, seedsHash, schemaHash] = await allSettledOrThrow([
    readFile(join(root, "package.json"), "utf8"),
    readGitCommit(root),
    hashSeeds(join(folder.dir, "seeds")),
    buildPush(folder.dir, pushDir),
  ]);
  const { version } = parseInput(v.object({ version: v.string() }), JSON.parse(packageText), {
    what: join(root, "package.json"),
    code: "config.invalid",
  });
  return {
    version,
    ...(gitCommit === undefined ? {} : { gitCommit }),
    migrationsHash: folder.hash,
    ...(seedsHash === undefined ? {} : { seedsHash }),
    ...(schemaHash === undefined ? {} : { schemaHash }),
  };
}

async function buildPart(request: {
  readonly root: string;
  readonly part: FunctionPart;
  readonly dir: string;
  readonly folder: MigrationFolder;
  readonly pushDir: string;
  readonly info: BundleInfo;
}): Promise<Metafile> {
  const { root, part, dir, folder, pushDir, info } = request;
  const [metafile] = await allSettledOrThrow([
    bundle(part, {
      ...bundleOptions,
      absWorkingDir: root,
      entryPoints: entryPointsOf(root, part),
      outdir: dir,
      chunkNames: "chunk-[hash]",
    }),
    copyMigrations(folder, join(dir, "migrations")),
    part === partThatWrites ? buildSeeds(root, join(folder.dir, "seeds"), join(dir, "seeds")) : undefined,
    part === partThatWrites && info.schemaHash !== undefined
      ? cp(pushDir, join(dir, "push"), { recursive: true })
      : undefined,
  ]);
  await copyWebAssembly(root, metafile, dir);
  await writeFile(join(dir, "bundle.json"), `${JSON.stringify(info, null, 2)}\n`);
  return metafile;
}

/** The long-run task lies beside the function whose work it does: one bundle, two ways to start it. And the thread of seed modules. */
function entryPointsOf(root: string, part: FunctionPart): Record<string, string> {
  const index = join(root, "functions", `${part}.ts`);
  return part === "runner"
    ? { index, task: join(root, "functions", "runner-task.ts"), "seed-modules": seedThreadFile }
    : { index };
}

/** The glue of a WebAssembly module reads it from its own folder, which in a bundle is the bundle's. */
async function copyWebAssembly(root: string, metafile: Metafile, to: string): Promise<void> {
  const glue = Object.keys(metafile.inputs).filter((path) => path.endsWith("/libpg-query/wasm/libpg-query.js"));
  await allSettledOrThrow(
    glue.map((path) => cp(join(root, dirname(path), "libpg-query.wasm"), join(to, "libpg-query.wasm"))),
  );
}

/** What `readMigrations` reads, and no more: drizzle-kit's snapshots are for writing migrations. */
async function copyMigrations(from: MigrationFolder, to: string): Promise<void> {
  const files = [
    ...(from.format === "journal" ? [journalFile] : []),
    ...from.migrations.map(({ file }) => file),
    ...from.unlisted,
  ];
  for (const file of files) {
    await mkdir(join(to, dirname(file)), { recursive: true });
    await cp(join(from.dir, file), join(to, file));
  }
}

/** Seed sets written in TypeScript become modules that run without this repository; data files stay as they are. */
async function buildSeeds(root: string, from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const entries = await readdir(from, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sources = files.filter((file) => file.endsWith(".ts"));
  const data = files.filter((file) => !file.endsWith(".ts"));
  // By name, for esbuild rewrites some signs (`?`) in paths that it derives from `outbase`.
  const entryPoints = Object.fromEntries(
    sources.map((file) => [relative(from, file).slice(0, -extname(file).length), file]),
  );
  await allSettledOrThrow([
    sources.length > 0 && bundle("seeds", { ...bundleOptions, absWorkingDir: root, entryPoints, outdir: to }),
    ...data.map((file) => cp(file, join(to, relative(from, file)))),
  ]);
}

/** Two renames: there is an instant without `to`, but none with half of it. */
async function replaceFolder(to: string, from: string): Promise<void> {
  const old = `${from}.old`;
  await rename(to, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
  await rename(from, to);
  await rm(old, { recursive: true, force: true });
}
