import { createPrivateKey, createPublicKey, webcrypto, X509Certificate } from "node:crypto";
import { isIP } from "node:net";

/** A certificate and its private key, as PEM texts. */
export type Certified = { readonly certificate: string; readonly privateKey: string };

const day = 24 * 60 * 60 * 1000;
const validity = { caDays: 3650, serverDays: 365, renewDays: 30, clockSkewDays: 1 } as const;
const keyAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const keyUses: webcrypto.KeyUsage[] = ["sign", "verify"];

/** A new certificate authority (ECDSA P-256, ten years) that may sign server certificates and nothing below them. */
export async function createAuthority(commonName: string, now: Date): Promise<Certified> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, keyUses);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    keys,
    signingAlgorithm: keyAlgorithm,
    notBefore: new Date(now.getTime() - validity.clockSkewDays * day),
    notAfter: new Date(now.getTime() + validity.caDays * day),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, privateKey: await exportKey(keys.privateKey) };
}

/** A server certificate for these DNS names and IP addresses (one year), with a new key. */
export async function createServerCertificate(
  authority: Certified,
  names: readonly string[],
  now: Date,
): Promise<Certified> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, keyUses);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: `CN=${names[0] ?? "localhost"}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.privateKey),
    signingAlgorithm: keyAlgorithm,
    notBefore: new Date(now.getTime() - validity.clockSkewDays * day),
    notAfter: new Date(Math.min(now.getTime() + validity.serverDays * day, issuer.notAfter.getTime())),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, privateKey: await exportKey(keys.privateKey) };
}

/** True while the pair belongs together and a year's server certificate fits into what is left of its time. */
export function isUsableAuthority(authority: Certified, now: Date): boolean {
  const certificate = parse(authority);
  return certificate !== undefined && certificate.ca && lastsUntil(certificate, now, validity.serverDays);
}

/** True while the pair belongs together, the authority signed it, it covers all names and has 30 days to live. */
export function isUsableServerCertificate(
  server: Certified,
  authority: Certified,
  names: readonly string[],
  now: Date,
): boolean {
  const certificate = parse(server);
  return (
    certificate !== undefined &&
    certificate.verify(createPublicKey(authority.certificate)) &&
    names.every((name) => covers(certificate, name)) &&
    lastsUntil(certificate, now, validity.renewDays)
  );
}

/** Loaded only where a certificate is made (100 ms): its dependency injection needs the Reflect polyfill first. */
async function loadX509(): Promise<typeof import("@peculiar/x509")> {
  await import("reflect-metadata");
  return await import("@peculiar/x509");
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" })
    .export({ type: "pkcs8", format: "pem" })
    .toString();
}

async function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  return await webcrypto.subtle.importKey("pkcs8", der, keyAlgorithm, false, ["sign"]);
}

function parse(pair: Certified): X509Certificate | undefined {
  try {
    const certificate = new X509Certificate(pair.certificate);
    return certificate.checkPrivateKey(createPrivateKey(pair.privateKey)) ? certificate : undefined;
  } catch {
    return undefined; // Empty or damaged: as good as absent, it is made anew.
  }
}

function covers(certificate: X509Certificate, name: string): boolean {
  return (isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name)) !== undefined;
}

function lastsUntil(certificate: X509Certificate, now: Date, days: number): boolean {
  return (
    new Date(certificate.validFrom).getTime() <= now.getTime() &&
    new Date(certificate.validTo).getTime() >= now.getTime() + days * day
  );
}
