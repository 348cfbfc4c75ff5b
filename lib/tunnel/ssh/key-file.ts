import { open } from "node:fs/promises";
import process from "node:process";
import { PosternError } from "#lib/base/errors.ts";
import { findPublicKey } from "./public-key.ts";

/** More than any key: whoever names a disk image is told so before it is read. */
const maxBytes = 64 * 1024;

/**
 * The text of a private key's file. Who else may read it is asked of the opened file itself, not of its name, and as
 * ssh asks it: a file of somebody else (a mounted secret of root's) is that one's own affair.
 *
 * @throws PosternError ssh.key-missing, ssh.key-permissions, ssh.key-format
 */
export async function readKeyFile(file: string): Promise<string> {
  try {
    await using handle = await open(file, "r");
    const { mode, uid, size } = await handle.stat();
    if (size > maxBytes) {
      throw new PosternError("ssh.key-format", `The private key ${file} cannot be used: it has ${size} bytes.`);
    }
    const text = await handle.readFile("utf8");
    const isShared = process.platform !== "win32" && uid === process.getuid?.() && (mode & 0o077) !== 0;
    // A public key, which names one that the agent holds, is everybody's.
    if (isShared && findPublicKey(text) === undefined) throw tooOpen(file, mode);
    return text;
  } catch (error) {
    throw error instanceof PosternError ? error : explain(error, file);
  }
}

function tooOpen(file: string, mode: number): PosternError {
  const seen = (mode & 0o777).toString(8).padStart(3, "0");
  return new PosternError(
    "ssh.key-permissions",
    `Others than its owner have access to the private key ${file} (mode ${seen}, expected 600 or less).`,
    { hint: `Run: chmod 600 ${quoteForShell(file)}` },
  );
}

function explain(error: unknown, file: string): PosternError {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return new PosternError("ssh.key-missing", `There is no private key ${file}.`, { cause: error });
    case "EISDIR":
      return new PosternError("ssh.key-missing", `${file} is a folder, not a private key.`, { cause: error });
    case "EACCES":
    case "EPERM":
      return new PosternError("ssh.key-permissions", `This user may not read the private key ${file}.`, {
        hint: `Its owner can give it away: chown "$USER" ${quoteForShell(file)}`,
        cause: error,
      });
    default:
      return new PosternError("ssh.key-missing", `The private key ${file} cannot be read (${code}).`, { cause: error });
  }
}

function quoteForShell(text: string): string {
  return /^[\w@%+=:,./-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
