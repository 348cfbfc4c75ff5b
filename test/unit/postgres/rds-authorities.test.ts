import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";
import { expect, test } from "vitest";
import { findRdsAuthorities, loadRdsAuthorities } from "#lib/postgres/rds-authorities.ts";

const now = new Date("2026-06-01T00:00:00Z");

test("a region's list is its three RDS roots and the five of Amazon, and nothing else", async () => {
  const certificates = (await findRdsAuthorities("us-east-1", now))?.map((pem) => new X509Certificate(pem)) ?? [];
  const names = certificates.map(({ subject }) => /^CN=(.*)$/mu.exec(subject)?.[1] ?? "");
  expect(names.toSorted()).toEqual([
    "Amazon RDS us-east-1 Root CA ECC384 G1",
    "Amazon RDS us-east-1 Root CA RSA2048 G1",
    "Amazon RDS us-east-1 Root CA RSA4096 G1",
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
  ]);
});

test("every certificate of every region is a root that signed itself, for ten more years", async () => {
  const { regions, amazon } = await loadRdsAuthorities(now);
  const certificates = [...regions.values(), amazon].flat();
  expect(certificates).toHaveLength(27 * 3 + 5);
  expect(certificates.filter((one) => !isSound(one)).map(({ subject }) => subject)).toEqual([]);
});

function isSound(certificate: X509Certificate): boolean {
  const { ca, publicKey, validToDate } = certificate;
  return ca && certificate.verify(publicKey) && validToDate.getUTCFullYear() > 2036;
}

test("Amazon's roots are those that Node trusts, too", async () => {
  const ofNode = new Set(rootCertificates.map((pem) => new X509Certificate(pem).fingerprint256));
  const { amazon } = await loadRdsAuthorities(now);
  expect(amazon.filter(({ fingerprint256 }) => !ofNode.has(fingerprint256))).toEqual([]);
});

test("what has expired is left out, and a region that lost one kind of root is not known any more", async () => {
  const later = await loadRdsAuthorities(new Date("2061-05-20T00:00:00Z"));
  expect(later.amazon).toEqual([]);
  // RSA2048 ended on May 19 in sa-east-1, and lasts until May 25 in us-east-1.
  expect(later.regions.has("sa-east-1")).toBe(false);
  expect(later.regions.has("us-east-1")).toBe(true);
});

test.each(["il-central-1", "us-gov-west-1", "cn-north-1", "Beta us-east-1", "eu-central", ""])(
  "there is no list for %j",
  async (region) => {
    expect(await findRdsAuthorities(region, now)).toBeUndefined();
  },
);
