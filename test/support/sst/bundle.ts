import { readFile } from "node:fs/promises";
import path from "node:path";
import * as esbuild from "esbuild";
import { platformDir, root, sstDir } from "./platform.ts";

/** SST's command line leaves these to the platform's node_modules (pkg/js/js.go). */
const external = [
  "@pulumi/*",
  "undici",
  "@pulumiverse/*",
  "@sst-provider/*",
  "@aws-sdk/*",
  "esbuild",
  "archiver",
  "glob",
  "vite",
];

/** What Node's ES modules lack and bundled CommonJS expects; as SST's command line has it. */
const commonJsNames = `
import { createRequire as topLevelCreateRequire } from "module";
const require = topLevelCreateRequire(import.meta.url);
import { fileURLToPath as topLevelFileUrlToPath, URL as topLevelURL } from "url";
const __filename = topLevelFileUrlToPath(import.meta.url);
const __dirname = topLevelFileUrlToPath(new topLevelURL(".", import.meta.url));
`;

export type BundleOptions = {
  readonly code: string;
  readonly outfile: string;
  readonly define: Record<string, string>;
  readonly banner?: string;
  /** Imports put above every file of the project, which is how `sst` and `aws` become global. */
  readonly globals?: string;
  readonly inject?: string[];
  /** Takes the place of `postern.config.ts`. */
  readonly config: unknown;
};

/** Bundles a program as SST's command line does, so that what is evaluated is what would be deployed. */
export async function bundle(options: BundleOptions): Promise<void> {
  await esbuild.build({
    banner: { js: commonJsNames + (options.banner ?? "") },
    stdin: { contents: options.code, resolveDir: root, sourcefile: "eval.ts", loader: "ts" },
    mainFields: ["module", "main"],
    format: "esm",
    platform: "node",
    bundle: true,
    sourcemap: "inline",
    nodePaths: [path.join(platformDir, "node_modules")],
    plugins: [...replaceConfig(options.config), ...injectGlobals(options.globals)],
    external,
    define: options.define,
    inject: options.inject ?? [],
    outfile: options.outfile,
    logLevel: "silent",
  });
}

function replaceConfig(config: unknown): esbuild.Plugin[] {
  if (config === undefined) return [];
  const contents = `export default ${JSON.stringify(config)};`;
  const setup = (build: esbuild.PluginBuild) => {
    build.onLoad({ filter: /\/postern\.config\.ts$/ }, () => ({ contents, loader: "ts" }));
  };
  return [{ name: "replace-config", setup }];
}

function injectGlobals(globals: string | undefined): esbuild.Plugin[] {
  if (globals === undefined) return [];
  const setup = (build: esbuild.PluginBuild) => {
    build.onLoad({ filter: /\.(?:js|ts|jsx|tsx)$/ }, async ({ path: file }) => {
      if (file.startsWith(sstDir)) return undefined;
      return { contents: `${globals}\n${await readFile(file, "utf8")}`, loader: "default" };
    });
  };
  return [{ name: "inject-globals", setup }];
}
