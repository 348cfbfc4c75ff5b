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

const capMs = 600;

export type TinyReplyOptions = {
  readonly address: DatabaseAddress;
  readonly open?: (signal: AbortSignal) => Promise<Duplex>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/**
 * Whether a ClientHello that can only be refused is answered: an alert of seven bytes fits into any packet, where the
 * certificates that answer a real one need large ones.
 */
export async function probeTinyReply(options: TinyReplyOptions): Promise<boolean> {
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
    conversation.send(hopelessClientHello(address.servername ?? address.host));
    await conversation.chunk(signal);
    return true;
  } catch (error) {
    if (error instanceof StepFailed) return false;
    throw error;
  } finally {
    raw?.destroy();
  }
}

/**
 * TLS 1.2 with one cipher suite, that is none (TLS_EMPTY_RENEGOTIATION_INFO_SCSV). The name is in it as in a real one: what
 * stands between may go by it.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.2
 * @see https://www.rfc-editor.org/rfc/rfc6066#section-3 the name
 */
function hopelessClientHello(name: string): Buffer {
  const random = Buffer.alloc(32, 0x50);
  const extensions = isIP(name) === 0 ? serverName(name) : Buffer.alloc(0);
  const body = Buffer.concat([
    Buffer.from("0303", "hex"),
    random,
    Buffer.from("00000200ff0100", "hex"),
    uint16(extensions.length),
    extensions,
  ]);
  const handshake = Buffer.concat([Buffer.from([1, 0]), uint16(body.length), body]);
  return Buffer.concat([Buffer.from([0x16, 3, 1]), uint16(handshake.length), handshake]);
}

function serverName(name: string): Buffer {
  const bytes = Buffer.from(name);
  const entry = Buffer.concat([Buffer.from([0]), uint16(bytes.length), bytes]);
  return Buffer.concat([uint16(0), uint16(entry.length + 2), uint16(entry.length), entry]);
}

function uint16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}
