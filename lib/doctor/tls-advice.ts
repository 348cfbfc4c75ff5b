import { isIP } from "node:net";
import type { X509Certificate } from "node:crypto";
import { systemClock } from "#lib/base/clock.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { ConnectionAdvice, DoctorReport } from "#lib/protocol.ts";
import { connectionUrl } from "./connection-url.ts";
import { failureOf } from "./evidence.ts";
import { readServerTrust, type ServerTrust } from "./server-trust.ts";
import { limitTime } from "./time-limit.ts";
import { traitsOf } from "./verdicts.ts";
import { walk } from "./walk.ts";

/** Authorities that many trust, as PEM texts: RDS's by region, with Amazon's. */
export type KnownAuthorities = { readonly rds: ReadonlyMap<string, readonly string[]> };

export type AdviceOptions = {
  readonly address: DatabaseAddress;
  readonly report: DoctorReport;
  readonly known: () => Promise<KnownAuthorities>;
  readonly signal: AbortSignal;
};

const capMs = 1500;

type Secured = Extract<ServerTrust, { kind: "tls" }>;

/**
 * The TLS settings that work with a server, tried one by one and with no word behind the handshake: what the login makes of them is
 * not known. Undefined where they are not the trouble, or none works.
 *
 * 1. No TLS is offered: that is said, and nothing better is to be had. What does not speak PostgreSQL without it is told nothing.
 * 2. Whom does its chain lead to: the authorities that were given, Node's roots, RDS's, or only itself?
 * 3. Is the name in the certificate? If not, one that is, with the address as `hostaddr`.
 */
export async function adviseOnTls(options: AdviceOptions): Promise<ConnectionAdvice | undefined> {
  const { address, report, known, signal } = options;
  const { code } = report.verdict;
  const provesLess = code === "ok" && address.sslMode !== "verify-full";
  const source = traitsOf(code)?.source;
  if (source !== "tls-mode" && source !== "identity" && !provesLess) return undefined;
  const shown = await readServerTrust(address, address.ca, signal);
  if (shown === undefined) return undefined;
  if (shown.kind === "no-tls") return (await speaksWithoutTls(address, signal)) ? withoutTls(address) : undefined;
  return adviceOf(address, shown, await findTrust(address, shown, known, signal));
}

type Found = Pick<ConnectionAdvice, "trust"> & { readonly region?: string };

async function findTrust(
  address: DatabaseAddress,
  shown: Secured,
  known: AdviceOptions["known"],
  signal: AbortSignal,
): Promise<Found> {
  if (shown.isTrusted) return { trust: address.ca === undefined ? "system" : "given" };
  const isTrustedBy = async (authorities: readonly string[] | undefined) => {
    const trust = await readServerTrust(address, authorities, signal);
    return trust?.kind === "tls" && trust.isTrusted;
  };
  if (await isTrustedBy(undefined)) return { trust: "system" };
  const { rds } = await known();
  if (await isTrustedBy([...rds.values()].flat())) {
    const last = shown.chain.at(-1)?.issuer ?? "";
    const region = [...rds.keys()].find((one) => last.includes(` ${one} `));
    return { trust: "rds", ...(region === undefined ? {} : { region }) };
  }
  const root = shown.chain.at(-1);
  return { trust: root !== undefined && (await isTrustedBy([root.toString()])) ? "own" : "none" };
}

/** Whether what refuses TLS is PostgreSQL at all. The name of nobody goes out, for it goes in clear text. */
async function speaksWithoutTls(address: DatabaseAddress, signal: AbortSignal): Promise<boolean> {
  using limit = limitTime(capMs, signal);
  const stranger = { ...address, user: "nobody", sslMode: "disable" } as const;
  const failed = failureOf(
    await walk({ address: stranger, until: "startup", clock: systemClock, signal: limit.signal }),
  )?.failure;
  return failed === undefined || failed.kind === "refused";
}

function withoutTls(address: DatabaseAddress): ConnectionAdvice {
  return {
    sslMode: "disable",
    trust: "none",
    text: "The server offers no TLS: password and data go in clear text, so only where nobody else can listen.",
    url: connectionUrl(address, { sslMode: "disable" }),
  };
}

function adviceOf(address: DatabaseAddress, shown: Secured, { trust, region }: Found): ConnectionAdvice {
  const [own] = shown.chain;
  if (trust === "none" || own === undefined || shown.flaw !== undefined) return untrusted(address, shown);
  const { text, file } = describeTrust(trust, region, shown);
  const { isNamed, names, hostAddress } = shown;
  const name = isNamed ? undefined : names.find((one) => isHostName(one));
  const isNameless = !isNamed && name === undefined;
  // What many trust signs for anyone: without a name that proves nothing.
  if (isNameless && trust !== "own" && trust !== "given") return untrusted(address, shown);
  const sslMode = isNameless ? "verify-ca" : "verify-full";
  const wishes = {
    sslMode,
    sslRootCert: file,
    ...(name === undefined ? {} : { name, ...(hostAddress === undefined ? {} : { hostAddress }) }),
  } as const;
  const alias =
    name === undefined ? "" : ` Its certificate is for ${name}, not for ${address.servername ?? address.host}.`;
  return { sslMode, trust, text: `${text}${alias}`, url: connectionUrl(address, wishes) };
}

/**
 * A wildcard is no name to connect with; an address in a certificate without addresses is none, either; and what else a
 * stranger writes there is not for a command line.
 */
function isHostName(name: string): boolean {
  return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/iu.test(name) && isIP(name) === 0;
}

function describeTrust(
  trust: Exclude<ConnectionAdvice["trust"], "none">,
  region: string | undefined,
  { chain }: Secured,
): { readonly text: string; readonly file: string } {
  switch (trust) {
    case "system":
      return { text: "A public authority signed its certificate: the system's roots verify it.", file: "system" };
    case "given":
      return { text: "The authorities that were named sign it.", file: "FILE" };
    case "rds": {
      const place = region ?? "global";
      const file = `${place}-bundle.pem`;
      const url = `https://truststore.pki.rds.amazonaws.com/${place}/${file}`;
      return { text: `RDS signed its certificate: take ${url} (this program has it for hosts of RDS).`, file };
    }
    case "own": {
      const root = chain.at(-1);
      const whose =
        chain.length === 1 ? "It signed its certificate itself" : `Its own authority signed it (${nameOf(root)})`;
      const text = `${whose}: compare the SHA-256 ${root?.fingerprint256 ?? ""} with the server's, and keep that certificate in FILE.`;
      return { text, file: "FILE" };
    }
    default:
      return trust satisfies never;
  }
}

/** Nothing that is known or was shown verifies it. */
function untrusted(address: DatabaseAddress, shown: Secured): ConnectionAdvice {
  const text =
    shown.flaw === undefined
      ? `Nothing here verifies its certificate: ${whyUntrusted(shown)}. Get one that does from who runs the server, as FILE.`
      : `Its certificate does not hold, whoever is trusted: ${shown.flaw}. With another one, FILE is its authority's.`;
  return {
    sslMode: "verify-full",
    trust: "none",
    text,
    url: connectionUrl(address, { sslMode: "verify-full", sslRootCert: "FILE" }),
  };
}

function whyUntrusted({ chain, isTrusted, names }: Secured): string {
  const last = chain.at(-1);
  if (isTrusted || last === undefined) return `it is for ${names.join(", ") || "no name"}`;
  if (last.subject === last.issuer) return `${nameOf(last)} signed itself, and verifies nothing`;
  return `${last.issuer.replaceAll("\n", ", ")} signed it, whose certificate it does not show`;
}

function nameOf(certificate: X509Certificate | undefined): string {
  return certificate?.subject.replaceAll("\n", ", ") ?? "";
}
