import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createAccessApp } from "./app.ts";
import { AccessSettingsRefused } from "./settings/refused.ts";

/** The same without the CDK's command line as with it. What that says (`-c`, where to) goes before. */
const outdir = process.env["CDK_OUTDIR"] ?? fileURLToPath(new URL("../../.postern/access", import.meta.url));

try {
  createAccessApp({ context: readContext(), outdir }).synth();
} catch (error) {
  if (!(error instanceof AccessSettingsRefused)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

function readContext(): Record<string, unknown> {
  const text = readFileSync(new URL("cdk.json", import.meta.url), "utf8");
  try {
    return (JSON.parse(text) as { readonly context: Record<string, unknown> }).context;
  } catch (error) {
    throw new AccessSettingsRefused(`infra/access/cdk.json: expected JSON (${String(error)})`, { cause: error });
  }
}
