import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { type KnownHosts, parseKnownHosts } from "./known-hosts.ts";

/** Reads them all, in order; a file that is not there has no lines. */
export async function readKnownHosts(files: readonly string[]): Promise<KnownHosts> {
  const parsed = await Promise.all(files.map(async (file) => parseKnownHosts(await readIfThere(file), file)));
  return {
    entries: parsed.flatMap(({ entries }) => entries),
    unreadable: parsed.flatMap(({ unreadable }) => unreadable),
  };
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return "";
    throw new PosternError("config.invalid", `The known hosts in ${file} cannot be read (${codeOf(error)}).`, {
      hint: "Give this user the right to read it, or name another file.",
      cause: error,
    });
  }
}

/**
 * Adds one line, in one write, behind what is there: nothing of it is written anew, so that two programs that do this at
 * once lose nothing. A last line without its newline gets one first.
 */
export async function appendKnownHost(file: string, line: string): Promise<void> {
  try {
    // As ssh makes them: only their owner has business there.
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await using handle = await open(file, "a+", 0o600);
    const { size } = await handle.stat();
    const last = size === 0 ? undefined : (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer[0];
    const newline = last === undefined || last === 0x0a ? "" : "\n";
    await handle.appendFile(`${newline}${line}\n`);
  } catch (error) {
    throw new PosternError("config.invalid", `The server's key cannot be kept in ${file} (${codeOf(error)}).`, {
      hint: "Give this user the right to write it, or name another file.",
      cause: error,
    });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown error";
}
