import { webcrypto } from "node:crypto";
import { isIP } from "node:net";

const day = 24 * 60 * 60 * 1000;
const algorithm = { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" } as const;

export type CertificateChain = {
  readonly rootPem: string;
  /** The server's certificate and the intermediate that signed it, as a server sends them. */
  readonly serverPem: string;
  readonly serverKey: string;
};

/** A chain as RDS has them: a root that clients know, an intermediate that they do not, and a server's certificate. */
export async function makeCertificateChain(
  commonName: string,
  names: readonly string[],
  { rootEnds = new Date(Date.now() + 365 * day) }: { readonly rootEnds?: Date } = {},
): Promise<CertificateChain> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const [rootKeys, middleKeys, serverKeys] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  const [rootName, middleName] = [`CN=${commonName}`, `CN=${commonName} intermediate`];
  const notBefore = new Date(Math.min(Date.now(), rootEnds.getTime()) - day);
  const common = { signingAlgorithm: algorithm, notBefore, notAfter: new Date(Date.now() + 30 * day) };
  const authority = (pathLength: number) => [
    new x509.BasicConstraintsExtension(true, pathLength, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
  ];
  const alternatives = names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }) as const);
  const [root, middle, server] = await Promise.all([
    x509.X509CertificateGenerator.createSelfSigned({
      ...common,
      name: rootName,
      keys: rootKeys,
      notAfter: rootEnds,
      extensions: authority(1),
    }),
    x509.X509CertificateGenerator.create({
      ...common,
      subject: middleName,
      issuer: rootName,
      publicKey: middleKeys.publicKey,
      signingKey: rootKeys.privateKey,
      extensions: authority(0),
    }),
    x509.X509CertificateGenerator.create({
      ...common,
      subject: `CN=${names[0] ?? "localhost"}`,
      issuer: middleName,
      publicKey: serverKeys.publicKey,
      signingKey: middleKeys.privateKey,
      extensions: [new x509.SubjectAlternativeNameExtension(alternatives)],
    }),
  ]);
  const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", serverKeys.privateKey)).toString("base64");
  return {
    rootPem: `${root.toString("pem")}\n`,
    serverPem: `${server.toString("pem")}\n${middle.toString("pem")}\n`,
    serverKey: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}
