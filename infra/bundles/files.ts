import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

/** SHA-256 over what a bundle does: all of its files but `bundle.json`, which names the commit. */
export function hashBundle(folder: string): string {
  const hash = createHash("sha256");
  for (const file of listFiles(folder)) {
    if (file === "bundle.json") continue;
    const content = readFileSync(path.join(folder, file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}

/** Relative to the folder, with `/`, in an order that is the same on every machine. */
export function listFiles(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => path.join(parentPath, name));
  return files.map((file) => path.relative(folder, file).replaceAll(path.sep, "/")).toSorted();
}
