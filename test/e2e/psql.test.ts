import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { removePostgresData } from "#lib/local/postgres/home.ts";
import { isInstalled } from "../support/debian.ts";
import { startProgram } from "../support/program.ts";
import { makeDataFolder } from "../support/run-folder.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

describe.skipIf(!isInstalled("psql"))("the psql command in the summary of the local stage", () => {
  test("works when it is pasted into a shell, verified in full, and may read and not write", async () => {
    const folder = await makeDataFolder();
    const dataDir = join(folder, "it's a stage");
    onTestFinished(async () => {
      await removePostgresData(join(dataDir, "postgres"));
      await rm(folder, { recursive: true });
    });
    const ports = ["--port", "0", "--aws-port", "0", "--health-port", "0"];
    await using stage = startProgram(join(root, "scripts/cli.ts"), ["local", ...ports, "--data", dataDir], {
      cwd: root,
    });

    const printed: string[] = [];
    for (let line = await stage.nextLine(); line !== undefined; line = await stage.nextLine()) {
      printed.push(line);
      if (line.includes("npm run health")) break;
    }
    const command = /^ {2}psql +(PGPASSFILE=[^\n]*\n[^\n]*)$/mu.exec(printed.join("\n"))?.[1];
    expect(command).toContain("sslmode=verify-full");
    const psql = async (sql: string) =>
      run("sh", ["-c", `${command} -XAtc "$SQL"`], { cwd: tmpdir(), env: { PATH: process.env["PATH"], SQL: sql } });

    const { stdout } = await psql(
      "select version, bits > 0, (select count(*) > 0 from orders) from pg_stat_ssl where pid = pg_backend_pid()",
    );
    expect(stdout).toBe("TLSv1.3|t|t\n");
    await expect(psql("delete from orders")).rejects.toMatchObject({ stderr: expect.stringContaining("read-only") });
    expect(await stage.end("SIGTERM")).toBe(143);
  });
});
