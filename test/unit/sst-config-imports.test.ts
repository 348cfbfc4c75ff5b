import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = path.join(import.meta.dirname, "../..");
const run = promisify(execFile);

/** Ids of the rules that a text breaks as a stage's `sst.config.ts`, by the project's own configuration. */
async function lint(text: string): Promise<string[]> {
  const dir = await mkdtemp(path.join(tmpdir(), "postern-lint-"));
  try {
    const base = path.join(root, "oxlint.config.ts");
    // The folders of overrides are those beside the configuration. Types would want the whole project.
    const config = `import base from ${JSON.stringify(base)};\nexport default { ...base, options: {} };\n`;
    await writeFile(path.join(dir, "oxlint.config.ts"), config);
    await writeFile(path.join(dir, "sst.config.ts"), text);
    const program = path.join(root, "node_modules/oxlint/bin/oxlint");
    const args = [program, "--format", "json", "sst.config.ts"];
    const { stdout } = await run(process.execPath, args, { cwd: dir }).catch((error: { stdout: string }) => error);
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string }[] };
    return diagnostics.map(({ code }) => code);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const awaiting = (specifier: string) =>
  `export default { async run() { const { part } = await import("${specifier}"); return part; } };\n`;

describe("sst.config.ts", () => {
  it("may await ./infra", async () => {
    expect(await lint(awaiting("./infra/index.ts"))).toEqual([]);
  });

  it.each(["./lib/contract.ts", "#lib/contract.ts", "./infra.ts", "./infrastructure/index.ts", "node:fs"])(
    "may not await %s",
    async (specifier) => {
      expect(await lint(awaiting(specifier))).toEqual(["eslint(no-restricted-imports)"]);
    },
  );

  it.each([
    ["a value", 'import { part } from "./infra/index.ts";\nexport default part;\n', "max-dependencies"],
    ["a type", 'import type { Part } from "./infra/index.ts";\nexport default {} as Part;\n', "max-dependencies"],
    ["what a file does", 'import "./infra/index.ts";\nexport default {};\n', "no-unassigned-import"],
  ])("may not import %s above, not of ./infra either", async (_what, text, rule) => {
    expect(await lint(text)).toEqual([`import(${rule})`]);
  });
});
