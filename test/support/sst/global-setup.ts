import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { bundlePrograms } from "./bundle.ts";
import { bundlesDir, unpackPlatform } from "./platform.ts";

/**
 * Before the first test of test/infra: SST's platform is unpacked; the SST configs are bundled, and the bundles of the
 * functions are built, once, as a deploy builds them for itself (one test has it do so). A rerun while files are
 * watched does it again, for what it was made of may have changed.
 */
export async function setup(project: TestProject): Promise<void> {
  await unpackPlatform((line) => process.stderr.write(`${line}\n`));
  await build();
  process.env["POSTERN_BUNDLES"] = bundlesDir;
  project.onTestsRerun(build);
}

async function build(): Promise<void> {
  await Promise.all([
    bundlePrograms(),
    promisify(execFile)(process.execPath, [path.join(import.meta.dirname, "build-bundles.ts")]),
  ]);
}
