import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Commit of the checkout at `dir`, with `-dirty` when tracked or new files differ from it; undefined outside a
 * checkout, before the first commit, and where git is not installed.
 */
export async function readGitCommit(dir: string): Promise<string | undefined> {
  try {
    const [commit, changes] = await Promise.all([
      run("git", ["rev-parse", "--verify", "HEAD"], { cwd: dir }),
      run("git", ["status", "--porcelain"], { cwd: dir }),
    ]);
    return `${commit.stdout.trim()}${changes.stdout.trim() === "" ? "" : "-dirty"}`;
  } catch {
    return undefined;
  }
}
