import path from "node:path";
import { platformDir } from "./platform.ts";

/** The SST configs that tests evaluate, relative to the root. */
export const configFiles = [
  "sst.config.ts",
  "test/infra/vanilla.sst.config.ts",
  "test/infra/failing.sst.config.ts",
] as const;

export type ConfigFile = (typeof configFiles)[number];

/** Where the bundle of an `app()` or a `run()` is: in the platform, for it imports modules of that. */
export function bundledPath(file: ConfigFile, part: "app" | "run"): string {
  return path.join(platformDir, "evaluated", `${path.basename(file, ".config.ts")}.${part}.mjs`);
}
