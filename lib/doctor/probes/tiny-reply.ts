import type { Duplex } from "node:stream";
import type { Clock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { Conversation } from "../conversation.ts";
import { StepFailed } from "../evidence.ts";
import { ObservedSocket } from "../observed-socket.ts";
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
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(capMs)]);
  let raw: Duplex | undefined;
  try {
    const addresses = open === undefined ? (await resolveName(address.host, signal)).found : [];
    raw = (await openConnection({ address, addresses, open, clock, signal })).found;
    const socket = new ObservedSocket(raw, () => clock.nowMs());
    socket.on("error", () => {});
    await requestTls(socket, address, signal);
    const conversation = new Conversation(socket, socket.observations);
    conversation.send(hopelessClientHello());
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
 * TLS 1.2 with one cipher suite, that is none (TLS_EMPTY_RENEGOTIATION_INFO_SCSV), and no extensions.
 *
 * @see https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.2
 */
function hopelessClientHello(): Buffer {
  const random = Buffer.alloc(32, 0x50);
  const body = Buffer.concat([Buffer.from("0303", "hex"), random, Buffer.from("00000200ff0100", "hex")]);
  const handshake = Buffer.concat([Buffer.from([1, 0, 0, body.length]), body]);
  return Buffer.concat([Buffer.from([0x16, 3, 1, 0, handshake.length]), handshake]);
}
