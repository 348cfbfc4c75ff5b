import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { type BundleInfo, type FunctionPart, functionParts } from "#lib/contract.ts";

export type Bundles = {
  readonly info: BundleInfo;
  readonly folders: Readonly<Record<FunctionPart, string>>;
};

/** Names a folder of bundles that were built before, by `postern build`; they are taken as they are. */
const readyVariable = "POSTERN_BUNDLES";

/**
 * The bundles of the functions, made by the project's own build, which is the one that the local stage runs: what was
 * tried there is what is deployed. Nothing has been declared yet when it fails.
 *
 * @param region whose RDS authorities the bundles are to trust
 */
export async function prepareBundles(region: string): Promise<Bundles> {
  const { root } = $cli.paths;
  const ready = process.env[readyVariable];
  if (ready === undefined) await build(root, region);
  return readBundles(ready === undefined ? path.join(root, "dist/functions") : path.resolve(root, ready));
}

/** A program of its own, for infra imports nothing of what a build needs. It has the project's Node, not the one of SST. */
async function build(root: string, region: string): Promise<void> {
  const node = path.join(root, "node_modules/.bin/node");
  const child = spawn(node, ["scripts/cli.ts", "build", "--region", region], {
    cwd: root,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const words: string[] = [];
  child.stderr.on("data", (chunk: Buffer) => words.push(String(chunk)));
  const [failure, code] = await new Promise<[Error | undefined, number | null]>((resolve) => {
    child.on("error", (error) => resolve([error, null]));
    child.on("close", (exitCode) => resolve([undefined, exitCode]));
  });
  if (failure !== undefined) throw refusal(`${node} could not be started: ${failure.message}. Run npm ci.`);
  if (code !== 0) throw refusal(words.join("").trim() || `postern build ended with ${code}.`);
}

function readBundles(dir: string): Bundles {
  const folders = Object.fromEntries(functionParts.map((part) => [part, path.join(dir, part)])) as Bundles["folders"];
  const missing = Object.values(folders).flatMap((folder) =>
    ["index.mjs", "bundle.json", "ca.pem"].map((file) => path.join(folder, file)).filter((file) => !existsSync(file)),
  );
  if (missing.length > 0) throw refusal(`not there: ${missing.join(", ")}. Build them with postern build --region.`);
  const texts = new Set(Object.values(folders).map((folder) => readFileSync(path.join(folder, "bundle.json"), "utf8")));
  const [text, ...others] = texts;
  if (text === undefined || others.length > 0) throw refusal(`those in ${dir} are of more than one build.`);
  return { info: JSON.parse(text) as BundleInfo, folders };
}

function refusal(reason: string): Error {
  const error = new Error(`The bundles of the functions cannot be deployed; nothing was changed: ${reason}`);
  // SST prints the stack of what it cannot evaluate: places in a bundle, which help nobody.
  error.stack = error.message;
  return error;
}
