import { type BuildFailure, type BuildOptions, build, type Metafile, stop } from "esbuild";
import { PosternError } from "#lib/base/errors.ts";

/**
 * What a bundle is, here and on Lambda: nothing stays outside, the AWS SDK included, so that the version that was
 * tested is the version that runs. Splitting keeps what is imported lazily out of the start-up path.
 */
export const bundleOptions = {
  bundle: true,
  platform: "node",
  target: "node24",
  format: "esm",
  splitting: true,
  minify: true,
  legalComments: "none",
  // pg asks for `process.binding`-era modules with require(), and libpg-query looks for its WebAssembly in __dirname:
  // an ES module has neither.
  banner: {
    js: 'import{createRequire as __createRequire}from"node:module";const require=__createRequire(import.meta.url),__dirname=import.meta.dirname;',
  },
  // The AWS SDK's "main" is CommonJS, which cannot be split or tree-shaken.
  mainFields: ["module", "main"],
  outExtension: { ".js": ".mjs" },
  // In pg behind a getter that nobody calls: a native driver that is not installed.
  external: ["pg-native"],
  metafile: true,
  logLevel: "silent",
} as const satisfies BuildOptions;

/** Who uses it in this process: they share esbuild's service, a child that would otherwise stay for good. */
let holders = 0;

/** Keeps esbuild's service until the last who holds it lets go. */
export function holdEsbuild(): AsyncDisposable {
  holders += 1;
  return {
    async [Symbol.asyncDispose]() {
      holders -= 1;
      if (holders === 0) await stop();
    },
  };
}

/** @throws PosternError `build.failed` with file and line */
export async function bundle(what: string, options: BuildOptions): Promise<Metafile> {
  try {
    const { metafile } = await build({ ...options, metafile: true });
    return metafile;
  } catch (error) {
    throw new PosternError("build.failed", `${what} could not be bundled: ${describeFailure(error)}`, { cause: error });
  }
}

function describeFailure(error: unknown): string {
  if (!isBuildFailure(error)) return String(error);
  return error.errors
    .map(({ text, location }) => (location === null ? text : `${location.file}:${location.line}: ${text}`))
    .join("; ");
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && "errors" in error && Array.isArray(error.errors);
}
