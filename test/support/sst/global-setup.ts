import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { bundlesDir, unpackPlatform } from "./platform.ts";

/**
 * Before the first test of test/infra: SST's platform is unpacked, and the bundles of the functions are built, once, as a
 * deploy builds them for itself; one test has it do so.
 */
export async function setup(): Promise<void> {
  await unpackPlatform((line) => process.stderr.write(`${line}\n`));
  await promisify(execFile)(process.execPath, [path.join(import.meta.dirname, "build-bundles.ts")]);
  process.env["POSTERN_BUNDLES"] = bundlesDir;
}
