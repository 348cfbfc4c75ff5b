import { X509Certificate } from "node:crypto";
import { PosternError } from "#lib/base/errors.ts";
import { hasExpired, loadRdsAuthorities } from "#lib/postgres/rds-authorities.ts";
import { readCaFile } from "#lib/postgres/tls.ts";

/** Which databases the functions are to trust. The file goes before the region's list. */
export type AuthoritySource = {
  /** AWS region, whose RDS roots are taken from the list that comes with Postern. */
  readonly region?: string | undefined;
  /** PEM file with the RDS roots, for a region that the list lacks. */
  readonly rdsCaFile?: string | undefined;
};

/** What the build writes as `ca.pem`. */
export type BundledAuthorities = {
  readonly pem: string;
  /** Where the RDS roots are from. */
  readonly from: { readonly region: string } | { readonly rdsCaFile: string };
  /** Names of the certificates, in their order. */
  readonly names: readonly string[];
  /** Names of those in the file that were left out, because their time is over. */
  readonly expired: readonly string[];
};

/**
 * The RDS roots of the region or of the file, and Amazon's roots for RDS Proxy in either case; undefined where neither is named.
 *
 * What has expired is left out, not refused: the bundles that AWS gives out hold the roots of 2019, which ended in 2024.
 *
 * @throws PosternError `build.unknown-region`; `config.invalid` for a file without a certificate that is of use
 */
export async function chooseAuthorities(source: AuthoritySource, now: Date): Promise<BundledAuthorities | undefined> {
  const { region, rdsCaFile } = source;
  if (rdsCaFile !== undefined) {
    const { usable, expired } = await readRdsCaFile(rdsCaFile, now);
    const { amazon } = await loadRdsAuthorities(now);
    return describe([...usable, ...amazon], { rdsCaFile }, expired);
  }
  if (region === undefined) return undefined;
  const { regions, amazon } = await loadRdsAuthorities(now);
  const roots = regions.get(region);
  if (roots === undefined) throw unknownRegion(region, [...regions.keys()]);
  return describe([...roots, ...amazon], { region }, []);
}

async function readRdsCaFile(file: string, now: Date) {
  const certificates = (await readCaFile(file)).map((pem) => new X509Certificate(pem));
  const usable = certificates.filter((certificate) => !hasExpired(certificate, now));
  const expired = certificates.filter((certificate) => hasExpired(certificate, now));
  if (usable.length === 0) {
    const ended = expired.map((certificate) => `${nameOf(certificate)} (${certificate.validTo})`).join(", ");
    throw new PosternError("config.invalid", `The CA file ${file} holds only what has expired: ${ended}.`, {
      hint: "Download the region's bundle again.",
    });
  }
  return { usable, expired };
}

function describe(
  certificates: readonly X509Certificate[],
  from: BundledAuthorities["from"],
  expired: readonly X509Certificate[],
): BundledAuthorities {
  const unique = [...new Map(certificates.map((one) => [one.fingerprint256, one])).values()];
  return {
    pem: unique.map((one) => `# ${nameOf(one)}, until ${one.validToDate.getUTCFullYear()}\n${one.toString()}`).join(""),
    from,
    names: unique.map(nameOf),
    expired: expired.map(nameOf),
  };
}

/** The common name, or all of the subject where there is none. */
function nameOf({ subject }: X509Certificate): string {
  return /^CN=(.+)$/mu.exec(subject)?.[1] ?? subject.replaceAll("\n", ", ");
}

function unknownRegion(region: string, known: readonly string[]): PosternError {
  return new PosternError(
    "build.unknown-region",
    `No RDS CAs are known for the region ${JSON.stringify(region)}: known are ${known.toSorted().join(", ")}.`,
    { hint: `Name a PEM file with them: --rds-ca FILE. AWS has it at ${bundleAddress(region)}` },
  );
}

/** Each partition has its own store. */
function bundleAddress(region: string): string {
  const name = /^[a-z0-9-]+$/u.test(region) ? region : "REGION";
  const file = `${name}/${name}-bundle.pem`;
  if (name.startsWith("cn-")) return `https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/${file}`;
  if (name.startsWith("us-gov-")) return `https://truststore.pki.us-gov-west-1.rds.amazonaws.com/${file}`;
  return `https://truststore.pki.rds.amazonaws.com/${file}`;
}
