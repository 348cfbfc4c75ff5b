import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createAccessApp } from "./app.ts";

/** The same without the CDK's command line as with it. What that says (`-c`, where to) goes before. */
const { context } = JSON.parse(readFileSync(new URL("cdk.json", import.meta.url), "utf8")) as {
  readonly context: Record<string, unknown>;
};
const outdir = process.env["CDK_OUTDIR"] ?? fileURLToPath(new URL("../../.postern/access", import.meta.url));

createAccessApp({ context, outdir }).synth();
