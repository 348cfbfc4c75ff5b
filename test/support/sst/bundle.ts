import { readFile } from "node:fs/promises";
import path from "node:path";
import * as esbuild from "esbuild";
import { platformDir, root, sstDir } from "./platform.ts";
import { bundledPath, type ConfigFile, configFiles } from "./programs.ts";

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

/**
 * Bundles the SST configs as SST's command line does, so that what is evaluated is what would be deployed. But what that puts
 * into the text (`$app`, `$cli`, `$dev`) is left to whoever runs it, who sets globals of these names before: one bundle
 * serves every evaluation, each of which would take as long to bundle as to run.
 */
export async function bundlePrograms(): Promise<void> {
  const globals = await providerImports();
  await Promise.all(configFiles.flatMap((file) => [bundleApp(file), bundleRun(file, globals)]));
}

async function bundleApp(file: ConfigFile): Promise<void> {
  await bundle({
    outfile: bundledPath(file, "app"),
    banner: "function $config(input) { return input }",
    code: `import mod from ${fromRoot(file)}; export const app = (stage) => mod.app({ stage });`,
  });
}

async function bundleRun(file: ConfigFile, globals: string): Promise<void> {
  await bundle({
    outfile: bundledPath(file, "run"),
    globals,
    inject: [path.join(platformDir, "src/shim/run.js")],
    code: `import { run } from "${platformDir}/src/auto/run.ts"; import mod from ${fromRoot(file)};
           export const program = () => run(mod.run);`,
  });
}

/** `aws` and the others that `sst install` has put into the platform, and `sst` itself. */
async function providerImports(): Promise<string> {
  const lock = JSON.parse(await readFile(path.join(sstDir, "provider-lock.json"), "utf8")) as {
    alias: string;
    package: string;
  }[];
  const providers = lock.map((provider) => `import * as ${provider.alias} from "${provider.package}";`);
  return [...providers, `import * as sst from "${platformDir}/src/components";`].join("\n");
}

function fromRoot(file: ConfigFile): string {
  return JSON.stringify(path.join(root, file));
}

type BundleOptions = {
  readonly code: string;
  readonly outfile: string;
  readonly banner?: string;
  /** Imports put above every file of the project, which is how `sst` and `aws` become global. */
  readonly globals?: string;
  readonly inject?: string[];
};

async function bundle({ code, outfile, banner = "", globals, inject = [] }: BundleOptions): Promise<void> {
  await esbuild.build({
    banner: { js: commonJsNames + banner },
    stdin: { contents: code, resolveDir: root, sourcefile: "eval.ts", loader: "ts" },
    mainFields: ["module", "main"],
    format: "esm",
    platform: "node",
    bundle: true,
    nodePaths: [path.join(platformDir, "node_modules")],
    plugins: [letConfigBeReplaced, ...injectGlobals(globals)],
    external,
    inject,
    outfile,
    logLevel: "silent",
  });
}

/** What is in the global `$posternConfig`, where there is anything, takes the place of `postern.config.ts`. */
const letConfigBeReplaced: esbuild.Plugin = {
  name: "let-config-be-replaced",
  setup(build) {
    const namespace = "replaceable-config";
    build.onResolve({ filter: /\/postern\.config\.ts$/ }, (imported) =>
      imported.namespace === namespace ? undefined : { path: path.join(imported.resolveDir, imported.path), namespace },
    );
    build.onLoad({ filter: /./, namespace }, ({ path: file }) => ({
      contents: `import own from ${JSON.stringify(file)}; export default globalThis.$posternConfig ?? own;`,
      resolveDir: path.dirname(file),
    }));
  },
};

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
