import { readFile } from "node:fs/promises";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as v from "valibot";
import { parseInput } from "#lib/base/config.ts";
import { readGitCommit } from "#lib/bundle/git-commit.ts";

/** Who asks, for the ledger: `user@machine`. */
export function describeRequester(): string {
  return `${readUserName()}@${hostname()}`.slice(0, 256);
}

/** Which code runs here, for the ledger. */
export async function readCheckout(root: string): Promise<{ readonly version: string; readonly gitCommit?: string }> {
  const file = join(root, "package.json");
  const [text, gitCommit] = await Promise.all([readFile(file, "utf8"), readGitCommit(root)]);
  const schema = v.object({ version: v.string() });
  const { version } = parseInput(schema, JSON.parse(text), { what: file, code: "config.invalid" });
  return gitCommit === undefined ? { version } : { version, gitCommit };
}

/** Who works at this machine. `userInfo` throws for a user id without an entry in the password file, as containers have it. */
export function readUserName(): string {
  try {
    return userInfo().username;
  } catch {
    return process.getuid === undefined ? "unknown" : `uid-${process.getuid()}`;
  }
}
