import { buildFunctions } from "#lib/bundle/build.ts";
import { evaluatedRegion } from "./cloud.ts";
import { bundlesDir, root } from "./platform.ts";

// A program of its own, because the build asks Node where its modules are, which a test runner cannot say.
await buildFunctions({ root, outDir: bundlesDir, region: evaluatedRegion });
