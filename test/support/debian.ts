import { spawnSync } from "node:child_process";
import process from "node:process";

/** Programs from outside npm that some tests use, with the Debian package each comes in. `.ci/run` installs them. */
const packages = {
  psql: "postgresql-client",
  pgbouncer: "pgbouncer",
  chromium: "chromium",
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

const found = new Map<DebianProgram, string | undefined>();

/** Where it is; servers are often in a folder that is only in root's PATH. Looked for once: nothing else runs meanwhile. */
export function findProgram(program: DebianProgram): string | undefined {
  if (!found.has(program)) found.set(program, lookFor(program));
  return found.get(program);
}

function lookFor(program: DebianProgram): string | undefined {
  const { status, stdout } = spawnSync("sh", ["-c", `PATH="$PATH:/usr/sbin" command -v ${program}`], {
    encoding: "utf8",
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** Says which programs are missing: their tests skip, and the summary counts them. Default: all but the browser's. */
export function noticeMissingPrograms(
  programs: readonly DebianProgram[] = (Object.keys(packages) as DebianProgram[]).filter((one) => one !== "chromium"),
): void {
  for (const program of programs.filter((one) => !isInstalled(one))) {
    process.stderr.write(
      `notice: ${program} is not installed, so its tests are skipped (Debian: ${packages[program]})\n`,
    );
  }
}
