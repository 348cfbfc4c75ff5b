import path from "node:path";
import type { Inputs } from "./cloud.ts";
import { root } from "./platform.ts";

/**
 * Puts the path in the place of every file and folder that is to be uploaded, where it is in the project relative to its
 * root: Pulumi's objects hold a promise of it, which cannot be recorded.
 */
export async function nameFiles(inputs: Inputs): Promise<void> {
  for (const [key, value] of Object.entries(inputs)) {
    if (!isAsset(value)) continue;
    const file = await value.path;
    inputs[key] = file.startsWith(root) ? path.relative(root, file) : file;
  }
}

function isAsset(value: unknown): value is { readonly path: Promise<string> } {
  return (
    typeof value === "object" &&
    value !== null &&
    ("__pulumiArchive" in value || "__pulumiAsset" in value) &&
    "path" in value
  );
}
