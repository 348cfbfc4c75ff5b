import { readFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { listFiles } from "../bundles/files.ts";

const blockSize = 512;

/** Unpacks the archive in the folder where it is, and becomes the long-run task. */
export const runCommand = "mkdir runner && tar -xzf runner.tar.gz -C runner && exec node runner/task.mjs";

/**
 * A folder as `tar.gz`, the same for the same files: their order, owner, mode and time are fixed. In ustar's format,
 * because that is what is in a small image to unpack it with.
 *
 * Header: name 0–99 · mode 100 · uid 108 · gid 116 · size 124 · mtime 136 · checksum 148 · type 156 · magic 257 ·
 * version 263 · prefix 345–499; numbers in octal, ended by NUL. After the last file two empty blocks.
 */
export function archiveFolder(folder: string): Buffer {
  const parts = listFiles(folder).flatMap((file) => {
    const content = readFileSync(path.join(folder, file));
    const padding = Buffer.alloc((blockSize - (content.length % blockSize)) % blockSize);
    return [headerOf(file, content.length), content, padding];
  });
  return gzipSync(Buffer.concat([...parts, Buffer.alloc(2 * blockSize)]));
}

function headerOf(file: string, size: number): Buffer {
  const { name, prefix } = splitName(file);
  const header = Buffer.alloc(blockSize);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  // The checksum counts itself as eight spaces.
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\0", 257);
  header.write("00", 263);
  header.write(prefix, 345);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}

/** A long path is split at a slash: up to 155 bytes before it, up to 100 after it. */
function splitName(file: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(file) <= 100) return { name: file, prefix: "" };
  for (let at = file.indexOf("/"); at !== -1; at = file.indexOf("/", at + 1)) {
    const [prefix, name] = [file.slice(0, at), file.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(name) <= 100) return { name, prefix };
  }
  throw new Error(`The path ${file} is too long for an archive: expected at most 100 bytes for a file's name.`);
}
