import { X509Certificate } from "node:crypto";
import { checkServerIdentity, type DetailedPeerCertificate, type PeerCertificate } from "node:tls";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import { chainProblemOf } from "./chain-problem.ts";
import { StepFailed } from "./evidence.ts";
import { ObservedSocket } from "./observed-socket.ts";
import { resolveName } from "./probes/dns.ts";
import { requestTls } from "./probes/ssl-request.ts";
import { openConnection } from "./probes/tcp.ts";
import { startHandshake } from "./probes/tls.ts";
import { limitTime } from "./time-limit.ts";

/** What a server's TLS is worth to a client that trusts these authorities. */
export type ServerTrust =
  | { readonly kind: "no-tls" }
  | {
      readonly kind: "tls";
      /** Its chain ends at one of the authorities. */
      readonly isTrusted: boolean;
      /** Why its certificates do not hold, whoever is trusted. */
      readonly flaw?: string;
      /** The name that was asked for is in the certificate. */
      readonly isNamed: boolean;
      /** Its certificate first; what it did not send is not there. */
      readonly chain: readonly X509Certificate[];
      /** DNS names and addresses that the certificate is for. */
      readonly names: readonly string[];
      /** Where the socket went. */
      readonly hostAddress: string | undefined;
    };

const capMs = 1500;

/**
 * One handshake with a server, and no word after it: what it shows, judged by these authorities (undefined: Node's roots).
 * Undefined where there was no handshake in time.
 */
export async function readServerTrust(
  address: DatabaseAddress,
  authorities: readonly string[] | undefined,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<ServerTrust | undefined> {
  using limit = limitTime(capMs, signal);
  await using opened = new AsyncDisposableStack();
  const { ca: _, ...place } = address;
  const asked = {
    ...place,
    sslMode: "verify-full",
    ...(authorities === undefined ? {} : { ca: authorities }),
  } as const;
  try {
    const { found: addresses } = await resolveName(address.host, limit.signal);
    const common = { address: asked, addresses, open: undefined, clock, signal: limit.signal };
    const { found: raw } = await openConnection(common);
    const socket = new ObservedSocket(raw, () => clock.nowMs());
    socket.on("error", () => {});
    opened.defer(() => void socket.destroy());
    await requestTls(socket, asked, limit.signal);
    const { found: secured } = await startHandshake(socket, asked, limit.signal);
    opened.defer(() => void secured.destroy());
    const certificate = secured.getPeerCertificate(true);
    const problem = chainProblemOf(secured);
    const name = address.servername ?? address.host;
    return {
      kind: "tls",
      isTrusted: problem === undefined,
      ...(problem?.flaw === undefined ? {} : { flaw: problem.flaw }),
      isNamed: checkServerIdentity(name, certificate) === undefined,
      chain: chainOf(certificate),
      names: namesOf(certificate),
      hostAddress: "remoteAddress" in raw && typeof raw.remoteAddress === "string" ? raw.remoteAddress : undefined,
    };
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error;
    return error.failure.kind === "no-tls" ? { kind: "no-tls" } : undefined;
  }
}

/** A root is its own issuer. */
function chainOf(certificate: DetailedPeerCertificate): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = certificate;
  while (next?.raw !== undefined && !chain.some(({ fingerprint256 }) => fingerprint256 === next?.fingerprint256)) {
    chain.push(new X509Certificate(next.raw));
    next = next.issuerCertificate as DetailedPeerCertificate | undefined;
  }
  return chain;
}

/** As Node writes them: `DNS:db.example, IP Address:10.0.0.1`. Only one without any is for its common name. */
function namesOf({ subjectaltname, subject }: PeerCertificate): readonly string[] {
  if (subjectaltname === undefined) return typeof subject.CN === "string" ? [subject.CN] : [];
  return subjectaltname.split(", ").flatMap((one) => /^(?:DNS|IP Address):(.+)$/u.exec(one)?.[1] ?? []);
}
