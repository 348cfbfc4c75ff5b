import { connect, type Socket } from "node:net";
import { type Act, createTrickle, perform } from "./act.ts";
import { type Listener, listen } from "./listener.ts";

/**
 * Where a connection breaks whose TLS stays end to end, by what can be seen from outside of it:
 *
 * | point | when |
 * |---|---|
 * | `accept` | at once |
 * | `request` | the SSLRequest came, and is not passed on |
 * | `hello` | the server has said yes, and the ClientHello came |
 * | `flight` | of the server's bytes after its yes, these many were passed on |
 * | `record` | the client's n-th record of application data came: 1 ends the handshake, 2 is the startup message, 3 and 4 are SCRAM, 5 the first query, 6 the request for 32 KB down |
 * | `reply` | of the reply to record 6, these many bytes were passed on |
 */
export type WirePoint =
  | { readonly at: "accept" | "request" | "hello" }
  | { readonly at: "flight"; readonly bytes: number }
  | { readonly at: "record"; readonly count: number }
  | { readonly at: "reply"; readonly bytes: number };

export type WireFault = { readonly point: WirePoint; readonly act: Act | { readonly kind: "corrupt" } };

const downloadRecord = 6;

/** A proxy that breaks every connection at one point. */
export async function startEndToEndProxy(
  target: { readonly host: string; readonly port: number },
  { point, act }: WireFault,
): Promise<Listener> {
  return await listen((client) => {
    const upstream = connect({ ...target, noDelay: true });
    upstream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNRESET" && mode === "pass") client.resetAndDestroy();
    });
    const trickle = createTrickle(client);
    let mode: "pass" | "drop" | "trickle" = "pass";
    let isCorrupting = false;
    let clientBytes = 0;
    let serverBytes = 0;
    let replyBytes = 0;
    const countRecords = recordCounter();
    let records = 0;
    const strike = () => {
      if (mode !== "pass" || isCorrupting) return;
      if (act.kind === "corrupt") isCorrupting = true;
      else mode = perform(act, client, client);
      if (mode === "drop") upstream.destroy();
    };

    client.on("data", (chunk: Buffer) => {
      const isRequest = clientBytes === 0;
      clientBytes += chunk.length;
      if (!isRequest) records += countRecords(chunk);
      if (point.at === "request" && isRequest) strike();
      if (point.at === "hello" && !isRequest) strike();
      if (point.at === "record" && records >= point.count) strike();
      if (mode !== "drop") upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      const isYes = serverBytes === 0;
      serverBytes += chunk.length;
      const isReply = records >= downloadRecord;
      let rest = chunk;
      const allowed =
        point.at === "flight" && !isYes
          ? point.bytes - (serverBytes - chunk.length - 1)
          : point.at === "reply" && isReply
            ? point.bytes - replyBytes
            : Number.POSITIVE_INFINITY;
      if (isReply) replyBytes += chunk.length;
      if (allowed < chunk.length && mode === "pass") {
        client.write(chunk.subarray(0, Math.max(0, allowed)));
        rest = chunk.subarray(Math.max(0, allowed));
        strike();
      }
      if (isCorrupting) rest = Buffer.from(rest.map((byte) => byte ^ 0xff));
      if (mode === "trickle") trickle.push(rest);
      else if (mode === "pass" && !client.destroyed) client.write(rest);
    });
    endTogether(client, upstream, () => mode === "pass");
    if (point.at === "accept") strike();
    return {
      [Symbol.dispose]: () => {
        trickle[Symbol.dispose]();
        upstream.destroy();
      },
    };
  });
}

/** The server's end is the client's, as long as nothing is broken. */
function endTogether(client: Socket, upstream: Socket, isWhole: () => boolean): void {
  client.on("end", () => {
    client.end();
    upstream.end();
  });
  upstream.on("close", () => {
    if (isWhole()) client.end();
  });
}

const applicationData = 23;

/** Counts the records of application data that begin in a stream of TLS. */
function recordCounter(): (chunk: Buffer) => number {
  let header = Buffer.alloc(0);
  let missing = 0;
  return (chunk) => {
    let count = 0;
    for (let offset = 0; offset < chunk.length;) {
      if (missing > 0) {
        const taken = Math.min(missing, chunk.length - offset);
        missing -= taken;
        offset += taken;
        continue;
      }
      header = Buffer.concat([header, chunk.subarray(offset, offset + 1)]);
      offset += 1;
      if (header.length < 5) continue;
      if (header[0] === applicationData) count += 1;
      missing = header.readUInt16BE(3);
      header = Buffer.alloc(0);
    }
    return count;
  };
}
