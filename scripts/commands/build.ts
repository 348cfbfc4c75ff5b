import { join } from "node:path";
import type { Command } from "commander";
import { buildFunctions } from "#lib/bundle/build.ts";
import type { CommandContext } from "../command-context.ts";
import { alignColumns } from "../style.ts";

const help = `
Writes the bundles that a deploy takes and that the local stage runs, into dist/functions.

Example:
  $ postern build`;

export function registerBuild(command: Command, { root, output, signal }: CommandContext): void {
  command.addHelpText("after", help).action(async () => {
    const { info, parts } = await buildFunctions({ root, outDir: join(root, "dist", "functions"), signal });
    const folders = Object.fromEntries(Object.entries(parts).map(([part, { dir }]) => [part, dir]));
    output.result({ ...info, folders }, () =>
      [
        ...alignColumns(Object.entries(folders)),
        `version ${info.version}${info.gitCommit === undefined ? "" : `, commit ${info.gitCommit}`}`,
      ].join("\n"),
    );
  });
}
