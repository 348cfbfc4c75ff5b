import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import type { SchemaDescription } from "#lib/migrate/push/kit/kit-messages.ts";

const configFiles = ["drizzle.config.ts", "drizzle.config.js", "drizzle.config.json"];

/**
 * drizzle-kit's `generate` gives columns without a name of their own one by `casing`; its `pushSchema` takes no such option and
 * would name them by their key. The config is looked at, not run: it may need what is not here, a database's URL for one.
 *
 * @throws PosternError `push.casing` when both would not come to the same names
 */
export async function refuseCasing(root: string, { namedByKey }: Pick<SchemaDescription, "namedByKey">): Promise<void> {
  if (namedByKey.length === 0) return;
  const texts = await Promise.all(configFiles.map(async (file) => readFile(join(root, file), "utf8").catch(() => "")));
  const file = configFiles.find((_, index) => setsCasing(texts[index] ?? ""));
  if (file === undefined) return;
  const columns = namedByKey.length > 3 ? `${namedByKey.slice(0, 3).join(", ")}…` : namedByKey.join(", ");
  throw new PosternError(
    "push.casing",
    `${file} sets casing, which a push cannot follow, and these columns are named by it: ${columns}.`,
  );
}

export function setsCasing(config: string): boolean {
  return config
    .split("\n")
    .some((line) => /^\s*["']?casing["']?\s*:|[{,]\s*["']?casing["']?\s*:/u.test(line.replace(/\/\/.*$/u, "")));
}
