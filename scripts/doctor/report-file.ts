import { constants } from "node:fs";
import { access, lstat, open, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { writeWhole } from "#lib/base/private-file.ts";
import { pageMark } from "#lib/doctor/report/html/page.ts";

export type ReportFile = {
  /** As it was typed. */
  readonly path: string;
  /** Danger: a file that holds something else is written over. */
  readonly isForced: boolean;
};

/**
 * Finds out whether a page may go to a file, before minutes are spent on what it would hold:
 *
 * 1. Its folder is there and can be written to. stdout has the report for the terminal, so `-` is no file.
 * 2. Where something is already, it is a plain file, and empty or an earlier page: nobody loses notes to a typing error.
 *
 * @returns the file itself, behind all links
 * @throws PosternError `report.unwritable`, `report.exists`
 */
export async function checkReportFile({ path, isForced }: ReportFile): Promise<string> {
  if (path === "-") throw unwritable("--html - is no file: stdout has the report for the terminal.");
  const found = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw unwritable(`${path} cannot be looked at: ${codeOf(error)}.`);
  });
  if (found === undefined) return await checkFolder(path);
  if (found.isDirectory()) throw unwritable(`${path} is a folder.`, `Name a file in it: --html ${path}/report.html.`);
  if (!found.isFile()) throw unwritable(`${path} is no plain file.`);
  const file = await realpath(path);
  await checkFolder(file);
  if (!isForced && found.size > 0 && !(await isPage(file))) {
    throw new PosternError("report.exists", `${path} holds something that is no report of the doctor.`);
  }
  return file;
}

/**
 * Writes the whole page or nothing, for this user alone.
 *
 * @throws PosternError `report.unwritable`, `report.exists`
 */
export async function writeReportFile(file: ReportFile, page: string): Promise<void> {
  const place = await checkReportFile(file);
  try {
    await writeWhole(place, page);
  } catch (error) {
    throw unwritable(`${file.path} could not be written: ${codeOf(error)}.`);
  }
}

async function checkFolder(path: string): Promise<string> {
  const file = resolve(path);
  const folder = dirname(file);
  if ((await lstat(file).catch(() => undefined))?.isSymbolicLink() === true) {
    throw unwritable(`${path} is a link to something that is not there.`);
  }
  const found = await stat(folder).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw unwritable(`${path}: there is no folder ${folder}.`, "Make the folder first.");
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch {
    throw unwritable(`${path}: the folder ${folder} cannot be written to.`);
  }
  return file;
}

async function isPage(file: string): Promise<boolean> {
  try {
    await using opened = await open(file);
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(pageMark.length), 0, pageMark.length, 0);
    return buffer.toString("latin1", 0, bytesRead) === pageMark;
  } catch {
    return false;
  }
}

function unwritable(message: string, hint?: string): PosternError {
  return new PosternError("report.unwritable", message, hint === undefined ? {} : { hint });
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
