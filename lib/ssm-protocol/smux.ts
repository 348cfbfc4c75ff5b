import { violation } from "./message.ts";

/**
 * smux, version 1: several byte streams in one. The data payloads of a session, one after the other, are its bytes;
 * a frame may be spread over messages, and a message may hold several frames. Little-endian, unlike the messages.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 1 | version, 1 |
 * | 1 | 1 | command: 0 SYN, 1 FIN, 2 PSH, 3 NOP |
 * | 2 | 2 | length of the data; 0 but for PSH |
 * | 4 | 4 | stream id; 0 for NOP. The client's are odd, and begin with 3 |
 * | 8 | n | data |
 *
 * A FIN closes both directions; there is no window for a single stream (its command 4 is version 2).
 *
 * @see https://github.com/xtaci/smux
 */
export type SmuxFrame =
  | { readonly command: "syn" | "fin"; readonly streamId: number }
  | { readonly command: "push"; readonly streamId: number; readonly data: Uint8Array }
  | { readonly command: "nop" };

const commands = { syn: 0, fin: 1, push: 2, nop: 3 } as const;
const version = 1;
export const smuxHeaderLength = 8;
/** What the official client sends at most; the field would hold 65,535. */
export const maxSmuxDataLength = 32_768;
export const firstSmuxStreamId = 3;

/** The header of a frame whose data, `dataLength` bytes, the caller sends behind it. */
export function encodeSmuxHeader(command: SmuxFrame["command"], streamId: number, dataLength = 0): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(smuxHeaderLength);
  header.writeUInt8(version, 0);
  header.writeUInt8(commands[command], 1);
  header.writeUInt16LE(dataLength, 2);
  header.writeUInt32LE(streamId, 4);
  return header;
}

export type SmuxDecoder = {
  /**
   * What these bytes complete. Data of a frame is given on as it comes, so that a `push` here may be a part of one on
   * the wire: nothing but an unfinished header is ever kept. The data is a view into `bytes`.
   *
   * @throws PosternError `ssm.protocol`; the stream cannot be read any further then
   */
  readonly push: (bytes: Uint8Array) => SmuxFrame[];
};

export function createSmuxDecoder(): SmuxDecoder {
  const header = Buffer.alloc(smuxHeaderLength);
  let headerBytes = 0;
  let streamId = 0;
  /** Of the PSH frame that is being read. */
  let remaining = 0;

  return {
    push: (bytes) => {
      const frames: SmuxFrame[] = [];
      let offset = 0;
      while (offset < bytes.length) {
        if (remaining > 0) {
          const data = bytes.subarray(offset, offset + remaining);
          frames.push({ command: "push", streamId, data });
          offset += data.length;
          remaining -= data.length;
          continue;
        }
        const missing = bytes.subarray(offset, offset + smuxHeaderLength - headerBytes);
        header.set(missing, headerBytes);
        headerBytes += missing.length;
        offset += missing.length;
        if (headerBytes < smuxHeaderLength) break;
        headerBytes = 0;
        streamId = header.readUInt32LE(4);
        const frame = readHeader(header);
        if (frame === undefined) remaining = header.readUInt16LE(2);
        else frames.push(frame);
      }
      return frames;
    },
  };
}

/** Undefined for a PSH, whose data is yet to come. */
function readHeader(header: Buffer): SmuxFrame | undefined {
  const seenVersion = header.readUInt8(0);
  const command = header.readUInt8(1);
  const length = header.readUInt16LE(2);
  const streamId = header.readUInt32LE(4);
  if (seenVersion !== version) throw violation(`a multiplexed frame of version ${seenVersion}, expected ${version}`);
  if (command === commands.push) return undefined;
  if (length !== 0) throw violation(`a multiplexed frame of command ${command} with ${length} bytes, expected none`);
  switch (command) {
    case commands.syn:
      return { command: "syn", streamId };
    case commands.fin:
      return { command: "fin", streamId };
    case commands.nop:
      return { command: "nop" };
    default:
      throw violation(`a multiplexed frame with the unknown command ${command}`);
  }
}
