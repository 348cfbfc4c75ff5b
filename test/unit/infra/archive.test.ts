import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { archiveFolder, runCommand } from "../../../infra/long-runs/archive.ts";

let dir = "";
beforeEach(async () => (dir = await mkdtemp(path.join(tmpdir(), "postern-archive-"))));
afterEach(async () => rm(dir, { recursive: true }));

async function write(file: string, content: string | Buffer): Promise<void> {
  await mkdir(path.dirname(path.join(dir, file)), { recursive: true });
  await writeFile(path.join(dir, file), content);
}

describe("the archive of a folder", () => {
  it("is what tar unpacks: names short and long, content of every length", async () => {
    const long = `${"d".repeat(90)}/${"e".repeat(50)}/${"f".repeat(95)}.sql`;
    const files = {
      "in/empty": "",
      "in/one.mjs": "x",
      "in/block": "y".repeat(512),
      "in/more": "ü".repeat(400),
      [`in/${long}`]: "z",
    };
    for (const [file, content] of Object.entries(files)) await write(file, content);
    await write("in.tar.gz", archiveFolder(path.join(dir, "in")));
    await mkdir(path.join(dir, "out"));
    execFileSync("tar", ["-xzf", "in.tar.gz", "-C", "out"], { cwd: dir });
    for (const [file, content] of Object.entries(files)) {
      expect(await readFile(path.join(dir, file.replace("in/", "out/")), "utf8")).toBe(content);
    }
  });

  it("is the same for the same files", async () => {
    await write("one/b", "1");
    await write("one/a", "2");
    await write("two/a", "2");
    await write("two/b", "1");
    expect(archiveFolder(path.join(dir, "one"))).toEqual(archiveFolder(path.join(dir, "two")));
  });

  it("refuses a file name that no header can hold", async () => {
    await write(`in/${"n".repeat(120)}`, "");
    expect(() => archiveFolder(path.join(dir, "in"))).toThrow("expected at most 100 bytes");
  });
});

it("the command of the container unpacks the archive and becomes the task", async () => {
  await write(
    "in/task.mjs",
    'import { tmpdir } from "node:os"; console.log("task", process.ppid, tmpdir()); process.exitCode = 7;',
  );
  await write("runner.tar.gz", archiveFolder(path.join(dir, "in")));
  const env = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env["PATH"]}`, TMPDIR: dir };
  const { stdout, status } = spawnSync("sh", ["-c", runCommand], { cwd: dir, env, encoding: "utf8" });
  expect({ stdout, status }).toEqual({ stdout: `task ${process.pid} ${dir}\n`, status: 7 });
});
