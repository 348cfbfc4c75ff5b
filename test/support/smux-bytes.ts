/**
 * smux frames written and read without the product's codec, from the description of version 1: a header of eight
 * bytes, little-endian, then the data.
 */
export type WireFrame = { readonly command: number; readonly id: number; readonly data: Buffer };

export const syn = 0;
export const fin = 1;
export const psh = 2;
export const nop = 3;

export function smuxFrame(command: number, id: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = [1, command, data.length % 256, Math.floor(data.length / 256)];
  const idBytes = [0, 8, 16, 24].map((shift) => Math.floor(id / 2 ** shift) % 256);
  return Buffer.concat([Buffer.from([...head, ...idBytes]), data]);
}

/** Whole frames, and what is left of an unfinished one. */
export function parseSmux(bytes: Buffer): { readonly frames: WireFrame[]; readonly rest: Buffer } {
  const frames: WireFrame[] = [];
  let rest = bytes;
  while (rest.length >= 8) {
    const [version = 0, command = 0, low = 0, high = 0, ...id] = rest.subarray(0, 8);
    if (version !== 1) throw new Error(`version ${version} in ${rest.subarray(0, 8).toString("hex")}`);
    const end = 8 + low + high * 256;
    if (rest.length < end) break;
    frames.push({
      command,
      id: id.reduceRight((sum, byte) => sum * 256 + byte, 0),
      data: rest.subarray(8, end),
    });
    rest = rest.subarray(end);
  }
  return { frames, rest };
}
