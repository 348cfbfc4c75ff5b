import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";
import process from "node:process";
import { PosternError } from "#lib/base/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The psql to run: the named one, or the first on PATH.
 *
 * @throws PosternError `psql.missing`, with how to install it here
 */
export async function findPsql(named: string | undefined, env: Environment, platform = process.platform) {
  if (named !== undefined) {
    if (await isProgram(named)) return named;
    throw new PosternError("psql.missing", `${named} is no program that can be run.`, {
      hint: "Name the psql program itself: --psql PATH.",
    });
  }
  const program = platform === "win32" ? "psql.exe" : "psql";
  const folders = (env["PATH"] ?? env["Path"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const folder of folders) {
    if (await isProgram(join(folder, program))) return join(folder, program);
  }
  throw new PosternError("psql.missing", "There is no psql on PATH.", {
    hint: `${installHints[platform] ?? "Install PostgreSQL's client programs."} Or name it: --psql PATH.`,
  });
}

/** What puts psql on a machine, without a server. */
const installHints: Partial<Record<NodeJS.Platform, string>> = {
  darwin: "Install it with `brew install libpq`, and follow what that says about PATH.",
  win32: "Install PostgreSQL's command line tools: `winget install PostgreSQL.PostgreSQL.18`.",
  linux:
    "Install it: `apt-get install postgresql-client` on Debian and Ubuntu, `dnf install postgresql` on Fedora and Amazon Linux, `apk add postgresql-client` on Alpine.",
};

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
