import { spawnSync } from "node:child_process";
import process from "node:process";

/** Programs from outside npm that some tests use, with the Debian package each comes in. `.ci/run` installs them. */
const packages = { psql: "postgresql-client", script: "bsdutils" } as const;

export type DebianProgram = keyof typeof packages;

export function isInstalled(program: DebianProgram): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`], { stdio: "ignore" }).status === 0;
}

/** Says which programs are missing: their tests skip, and the summary counts them. */
export function noticeMissingPrograms(): void {
  const programs = Object.keys(packages) as DebianProgram[];
  for (const program of programs.filter((one) => !isInstalled(one))) {
    process.stderr.write(
      `notice: ${program} is not installed, so its tests are skipped (Debian: ${packages[program]})\n`,
    );
  }
}
