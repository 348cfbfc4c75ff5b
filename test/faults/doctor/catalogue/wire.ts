import type { StepName } from "#lib/doctor/evidence.ts";
import type { Act } from "../../../support/faults/act.ts";
import { startEndToEndProxy, type WireFault, type WirePoint } from "../../../support/faults/end-to-end-proxy.ts";
import { serverError, tlsAlert } from "../../../support/faults/server-error.ts";
import { seededRandom, type SeededRandom } from "../../../support/seeded-random.ts";
import { between, type LabFault } from "../fault.ts";

/** What breaks a connection from outside of its TLS. */
export const wireFaults: readonly LabFault[] = [
  wire("closed when accepted", "endpoint.closed", () => at("accept", { kind: "close" })),
  wire("reset when accepted", "endpoint.reset", () => at("accept", { kind: "reset" })),
  wire("closed before the answer to SSLRequest", "endpoint.closed", () => at("request", { kind: "close" })),
  wire("reset before the answer to SSLRequest", "endpoint.reset", () => at("request", { kind: "reset" })),
  wire("silent to SSLRequest", "endpoint.silent", (random) =>
    at(random.pick(["accept", "request"] as const), { kind: "silence" }),
  ),
  wire("garbage in place of the answer", "endpoint.not-postgres", (random) => at("request", send(garbage(random)))),
  wire("garbage without an end", "endpoint.not-postgres", (random) =>
    at("request", send(Buffer.concat([garbage(random), random.bytes(4 * 1024 * 1024)]))),
  ),
  wire("a banner", "endpoint.not-postgres", (random) => at("accept", send(Buffer.from(random.pick(banners))))),
  wire("an HTTP server", "endpoint.not-postgres", (random) =>
    at("request", send(Buffer.from(`HTTP/1.1 ${between(random, 400, 505)} No\r\n\r\n`), true)),
  ),
  wire("S, and more behind it", "endpoint.not-postgres", (random) =>
    at("request", send(Buffer.concat([Buffer.from("S"), random.bytes(between(random, 1, 64))]))),
  ),
  wire("a message of 2 GB in place of the answer", "endpoint.not-postgres", (random) =>
    at("request", send(huge(random))),
  ),
  wire("TLS from the first byte", "endpoint.not-postgres", (random) =>
    at("request", send(tlsAlert(random.pick([10, 50])))),
  ),
  wire("no TLS", "tls.refused", () => at("request", send(Buffer.from("N")))),
  wire("full, and says so at once", "db.too-many-connections", () =>
    at("request", send(serverError("53300", "sorry, too many clients already"), true)),
  ),
  wire("starting, and says so at once", "db.starting", (random) =>
    at(
      "request",
      send(serverError("57P03", `the database system is ${random.pick(["starting up", "shutting down"])}`), true),
    ),
  ),
  wire("closed at the ClientHello", "tls.closed", () => at("hello", { kind: "close" })),
  wire("reset at the ClientHello", "tls.reset", () => at("hello", { kind: "reset" })),
  wire("silent to the ClientHello", "tls.stalled", () => at("hello", { kind: "silence" })),
  wire("garbage to the ClientHello", "tls.corrupted", (random) => at("hello", send(garbage(random)))),
  wire("no cipher in common", "tls.no-common-cipher", (random) =>
    at("hello", send(tlsAlert(random.pick([40, 71])), random.pick([true, false]))),
  ),
  wire("no version in common", "tls.version", (random) => at("hello", send(tlsAlert(70), random.pick([true, false])))),
  wire("a name that it does not know", "tls.unknown-name", () => at("hello", send(tlsAlert(112), true))),
  wire("another alert", "tls.closed", (random) => at("hello", send(tlsAlert(random.pick([80, 86, 49])), true))),
  wire("closed within the handshake", "tls.closed", (random) => inFlight(random, { kind: "close" })),
  wire("reset within the handshake", "tls.reset", (random) => inFlight(random, { kind: "reset" })),
  wire("silent within the handshake", "tls.stalled", (random) => inFlight(random, { kind: "silence" })),
  wire("a handshake of a byte a second", "path.slow", (random) => inFlight(random, { kind: "trickle" })),
  wire("bytes of the handshake changed", "tls.corrupted", (random) => ({
    // Behind ServerHello and ChangeCipherSpec: within what is authenticated.
    point: { at: "flight", bytes: between(random, 160, 500) },
    act: { kind: "corrupt" },
  })),
  ...records("startup", 2, { close: "startup.closed", reset: "startup.reset", silence: "startup.stalled" }),
  ...records("SCRAM", 3, { close: "auth.closed", reset: "auth.closed", silence: "auth.stalled" }),
  ...records("the proof of the password", 4, { close: "auth.closed", reset: "auth.closed", silence: "auth.stalled" }),
  ...records("the first query", 5, { close: "path.cut", reset: "path.cut", silence: "proxy.pool-exhausted" }),
  wire("closed within 32 KB down, end to end", "path.cut", (random) => inReply(random, { kind: "close" })),
  wire("reset within 32 KB down, end to end", "path.cut", (random) => inReply(random, { kind: "reset" })),
  wire("silent within 32 KB down, end to end", "path.flow-cut", (random) => inReply(random, { kind: "silence" })),
  wire("32 KB of a byte a second, end to end", "path.slow", (random) => inReply(random, { kind: "trickle" })),
];

function wire(name: string, code: string, draw: (random: SeededRandom) => WireFault): LabFault {
  return {
    name,
    expected: [code],
    get strikes() {
      return stepOf(draw(seededRandom(1)).point);
    },
    open: async ({ address }, random) => {
      const fault = draw(random);
      const proxy = await startEndToEndProxy(address, fault);
      return {
        address: { ...address, port: proxy.port },
        drawn: JSON.stringify(fault.point),
        [Symbol.asyncDispose]: async () => proxy[Symbol.asyncDispose](),
      };
    },
  };
}

function records(
  name: string,
  count: number,
  codes: Readonly<Record<"close" | "reset" | "silence", string>>,
): readonly LabFault[] {
  return (["close", "reset", "silence"] as const).map((kind) =>
    wire(`${kind} at ${name}, end to end`, codes[kind], () => ({ point: { at: "record", count }, act: { kind } })),
  );
}

/** The same for each draw of one fault. */
function stepOf(point: WirePoint): StepName {
  switch (point.at) {
    case "accept":
    case "request":
      return "ssl-request";
    case "hello":
    case "flight":
      return "tls";
    case "record":
      return (["startup", "auth", "auth", "query"] as const)[point.count - 2] ?? "download";
    case "reply":
      return "download";
    default:
      return point satisfies never;
  }
}

function at(point: "accept" | "request" | "hello", act: Act): WireFault {
  return { point: { at: point }, act };
}

/** Before the server's flight of some 900 bytes is complete. */
function inFlight(random: SeededRandom, act: Act): WireFault {
  return { point: { at: "flight", bytes: between(random, 1, 600) }, act };
}

function inReply(random: SeededRandom, act: Act): WireFault {
  return { point: { at: "reply", bytes: between(random, 100, 30_000) }, act };
}

function send(bytes: Buffer, thenClose = false): Act {
  return { kind: "send", bytes, thenClose };
}

const banners = [
  "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
  "220 mail.example ESMTP\r\n",
  "-ERR unknown command\r\n",
  "* OK IMAP4rev1 ready\r\n",
  "J\0\0\0\n8.0.36\0",
];

/** Bytes that begin with none of PostgreSQL's answers to an SSLRequest, nor with a record of TLS. */
function garbage(random: SeededRandom): Buffer {
  const bytes = random.bytes(between(random, 8, 2000));
  bytes[0] = random.pick([0x00, 0x01, 0x41, 0x7f, 0x80, 0xff]);
  return bytes;
}

function huge(random: SeededRandom): Buffer {
  return Buffer.concat([Buffer.from([0x45, 0x7f, 0xff, 0xff, 0xff]), random.bytes(64)]);
}
