import { join } from "node:path";
import { buildFunctions } from "#lib/bundle/build.ts";

/** `npm run build`: the Lambda bundles, as a deploy ships them, in dist/functions. */
const root = join(import.meta.dirname, "..");
const { info, parts } = await buildFunctions({ root, outDir: join(root, "dist", "functions") });
for (const [part, { dir }] of Object.entries(parts)) process.stdout.write(`${part}\t${dir}\n`);
process.stdout.write(`version ${info.version}, commit ${info.gitCommit ?? "unknown"}\n`);
