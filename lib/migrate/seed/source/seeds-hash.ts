import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { pipeline } from "node:stream/promises";

/** Notes and the system's own files: nothing that a row comes from. */
const bystander = /^\.|\.md$/u;

/**
 * SHA-256 (hex) over the names and contents of all files in a seeds folder: two folders with the same hash seed the same.
 *
 * @returns undefined when there is no such folder
 */
export async function hashSeeds(seedsDir: string): Promise<string | undefined> {
  const entries = await readdir(seedsDir, { recursive: true, withFileTypes: true }).catch(() => undefined);
  const paths = entries
    ?.filter((entry) => entry.isFile() && !bystander.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  if (paths === undefined) return undefined;
  const whole = createHash("sha256");
  for (const path of paths) {
    const one = createHash("sha256");
    await pipeline(createReadStream(path), one);
    whole.update(`${relative(seedsDir, path).split(sep).join("/")}\0${one.digest("hex")}\n`);
  }
  return whole.digest("hex");
}
