import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Metafile } from "esbuild";

/** What a bundle loads before its first event: `index.mjs` and all that it imports statically, near or far. */
export type MainPath = {
  /** File names within the bundle. */
  readonly files: readonly string[];
  /** Source files in them, relative to the root of the build. */
  readonly inputs: readonly string[];
};

export function findMainPath(metafile: Metafile): MainPath {
  // By name: esbuild calls what is imported lazily an entry point, too.
  const entry = Object.keys(metafile.outputs).find((path) => basename(path) === "index.mjs");
  const reached = new Set<string>();
  const queue = entry === undefined ? [] : [entry];
  for (const path of queue) {
    if (reached.has(path)) continue;
    reached.add(path);
    for (const { kind, path: imported, external } of metafile.outputs[path]?.imports ?? []) {
      if (kind !== "dynamic-import" && external !== true) queue.push(imported);
    }
  }
  const outputs = [...reached];
  return {
    files: outputs.map((path) => basename(path)),
    inputs: outputs.flatMap((path) => Object.keys(metafile.outputs[path]?.inputs ?? {})),
  };
}

/**
 * Bytes of the main path, gzipped as one. The functions load the AWS SDK with `import()` at their first need of it, so
 * that it has chunks of its own and is not in this figure; a test holds them to it.
 */
export async function gzippedSize(bundleDir: string, mainPath: MainPath): Promise<number> {
  const contents = await Promise.all(mainPath.files.map((file) => readFile(join(bundleDir, file))));
  return gzipSync(Buffer.concat(contents), { level: 9 }).length;
}
