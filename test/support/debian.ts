import { spawnSync } from "node:child_process";
import process from "node:process";

/** Programs from outside npm that some tests use, with the Debian package each comes in. `.ci/run` installs them. */
const packages = {
  psql: "postgresql-client",
  pgbouncer: "pgbouncer",
  script: "bsdutils",
  shellcheck: "shellcheck",
  sshd: "openssh-server",
  "ssh-keygen": "openssh-client",
  "ssh-agent": "openssh-client",
} as const;

export type DebianProgram = keyof typeof packages;

export function isInstalled(program: DebianProgram): boolean {
  return findProgram(program) !== undefined;
}

/** Where it is; servers are often in a folder that is only in root's PATH. */
export function findProgram(program: DebianProgram): string | undefined {
  const { status, stdout } = spawnSync("sh", ["-c", `PATH="$PATH:/usr/sbin" command -v ${program}`], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
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
