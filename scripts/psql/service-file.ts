import { mkdir, readFile, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { PosternError } from "#lib/base/errors.ts";
import { writeWhole } from "#lib/base/private-file.ts";

/** `[name]`, then what is to stand in it. */
export type ServiceEntry = { readonly name: string; readonly values: Readonly<Record<string, string>> };

/**
 * The text of a libpq service file with the entry in it: in the place of the one of its name, or at the end. Every other line stays.
 * Pure. https://www.postgresql.org/docs/current/libpq-pgservice.html
 */
export function withEntry(text: string, { name, values }: ServiceEntry): string {
  const lines = text === "" ? [] : text.replace(/\r?\n$/u, "").split(/\r?\n/u);
  const own = [`[${name}]`, ...Object.entries(values).map(([key, value]) => `${key}=${value}`)];
  const start = lines.findIndex((line) => line.trim() === `[${name}]`);
  if (start === -1) {
    const gap = lines.length === 0 || lines.at(-1) === "" ? [] : [""];
    return `${[...lines, ...gap, ...own].join("\n")}\n`;
  }
  const next = lines.findIndex((line, index) => index > start && line.trimStart().startsWith("["));
  const rest = next === -1 ? [] : ["", ...lines.slice(next)];
  return `${[...lines.slice(0, start), ...own, ...rest].join("\n")}\n`;
}

/**
 * Writes the entry into the file, which nobody ever sees half. Others' entries may hold passwords: the file keeps its rights, and a
 * new one is its owner's alone. A link to it, as people have who keep their settings elsewhere, stays a link.
 *
 * @throws PosternError `config.invalid` when the file cannot be read or written
 */
export async function writeServiceEntry(file: string, entry: ServiceEntry): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    const found = await ifPresent(realpath(file));
    if (found === undefined) return await writeWhole(file, withEntry("", entry));
    const { mode } = await stat(found);
    await writeWhole(found, withEntry(await readFile(found, "utf8"), entry), { mode: mode & 0o777 });
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unwritable";
    throw new PosternError("config.invalid", `The service file ${file} cannot be written (${reason}).`, {
      cause: error,
    });
  }
}

async function ifPresent<Value>(looking: Promise<Value>): Promise<Value | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
