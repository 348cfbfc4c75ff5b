import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import { PosternError } from "#lib/base/errors.ts";

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

/** @throws PosternError `config.invalid` when the file cannot be read or written */
export async function writeServiceEntry(file: string, entry: ServiceEntry): Promise<void> {
  const partial = `${file}.${randomUUID()}`;
  try {
    await mkdir(dirname(file), { recursive: true });
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
    await writeFile(partial, withEntry(text, entry), { flag: "wx" });
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unwritable";
    throw new PosternError("config.invalid", `The service file ${file} cannot be written (${reason}).`, {
      cause: error,
    });
  }
}
