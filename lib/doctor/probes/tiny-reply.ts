import type { Duplex } from "node:stream";
import type { Clock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { isIP } from "node:net";
import { Conversation } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";
import { ObservedSocket } from "../observed-socket.ts";
import { limitTime } from "../time-limit.ts";
import { resolveName } from "./dns.ts";
import { requestTls } from "./ssl-request.ts";
import { openConnection } from "./tcp.ts";

export type TinyReplyOptions = {
  readonly address: DatabaseAddress;
  readonly open?: (signal: AbortSignal) => Promise<Duplex>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/**
 * Whether a ClientHello that can only be refused is answered, sent in small packets: an alert of seven bytes fits into any
 * packet, where the certificates that answer a real one, and a real one itself, need large ones.
 */
export async function probeTinyReply(options: TinyReplyOptions, capMs: number): Promise<boolean> {
  const { address, open, clock } = options;
  using limit = limitTime(capMs, options.signal);
  const { signal } = limit;
  let raw: Duplex | undefined;
  try {
    const addresses = open === undefined ? (await resolveName(address.host, signal)).found : [];
    raw = (await openConnection({ address, addresses, open, clock, signal })).found;
    const socket = new ObservedSocket(raw, () => clock.nowMs());
    socket.on("error", () => {});
    await requestTls(socket, address, signal);
    const conversation = new Conversation(socket, socket);
    for (const slice of slices(hopelessClientHello(address.servername ?? address.host))) {
      conversation.send(slice);
      // Let each go out in a packet of its own.
      await clock.sleep(1, signal);
    }
    await conversation.chunk(signal);
    return true;
  } catch (error) {
    if (error instanceof StepFailed || signal.aborted) return false;
    throw error;
  } finally {
    raw?.destroy();
  }
}

/** As large as a real one with post-quantum keys: what counts the bytes of a flow is to stop this one, too. */
const helloBytes = 1600;
const sliceBytes = 200;

function slices(bytes: Buffer): readonly Buffer[] {
  const count = Math.ceil(bytes.length / sliceBytes);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * sliceBytes, (index + 1) * sliceBytes));
}

/**
 * TLS 1.2 with one cipher suite, that is none (TLS_EMPTY_RENEGOTIATION_INFO_SCSV). The name is in it as in a real one: what
 * stands between may go by it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.2
 * @see https://www.rfc-editor.org/rfc/rfc6066#section-3 the name (0)
 * @see https://www.rfc-editor.org/rfc/rfc7685 padding (21)
 */
function hopelessClientHello(name: string): Buffer {
  const random = Buffer.alloc(32, 0x50);
  const names = isIP(name) === 0 ? extension(0, serverNames(name)) : Buffer.alloc(0);
  const extensions = Buffer.concat([names, extension(21, Buffer.alloc(helloBytes - names.length))]);
  const suites = Buffer.from("00000200ff0100", "hex");
  const body = Buffer.concat([uint16(0x0303), random, suites, uint16(extensions.length), extensions]);
  const handshake = Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), uint16(handshake.length), handshake]);
}

function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([uint16(type), uint16(data.length), data]);
}

function serverNames(name: string): Buffer {
  const bytes = Buffer.from(name);
  const entry = Buffer.concat([Buffer.from([0]), uint16(bytes.length), bytes]);
  return Buffer.concat([uint16(entry.length), entry]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
