import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { chooseAuthorities } from "#lib/bundle/authorities.ts";
import { findRdsAuthorities } from "#lib/postgres/rds-authorities.ts";
import { parseCertificates } from "#lib/postgres/tls.ts";
import { makeCertificateChain } from "../../support/certificate-chain.ts";

const now = new Date("2026-06-01T00:00:00Z");
let rdsCaFile: string;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), "postern-authorities-"));
  onTestFinished(async () => rm(folder, { recursive: true }));
  rdsCaFile = join(folder, "rds.pem");
});

describe("the RDS roots are", () => {
  test("those of the region, with Amazon's beside them", async () => {
    const chosen = await chooseAuthorities({ region: "eu-central-1" }, now);
    expect(chosen).toMatchObject({ from: { region: "eu-central-1" }, expired: [] });
    expect(parseCertificates(chosen?.pem ?? "", "ca.pem")).toEqual(
      (await findRdsAuthorities("eu-central-1", now))?.map((pem) => pem.trim()),
    );
  });

  test("those of the file where one is named, whatever the region is, with Amazon's beside them", async () => {
    const { rootPem } = await makeCertificateChain("Amazon RDS il-central-1 Root CA ECC384 G1", ["db"]);
    await writeFile(rdsCaFile, rootPem);
    const chosen = await chooseAuthorities({ region: "eu-central-1", rdsCaFile }, now);
    expect(chosen?.from).toEqual({ rdsCaFile });
    expect(chosen?.names).toEqual([
      "Amazon RDS il-central-1 Root CA ECC384 G1",
      "Amazon Root CA 1",
      "Amazon Root CA 2",
      "Amazon Root CA 3",
      "Amazon Root CA 4",
      "Starfield Services Root Certificate Authority - G2",
    ]);
    expect(parseCertificates(chosen?.pem ?? "", "ca.pem")[0]).toBe(rootPem.trim());
  });

  test("none where neither is named", async () => {
    expect(await chooseAuthorities({}, now)).toBeUndefined();
  });
});

describe("of a file", () => {
  test("what stands in it twice, or is Amazon's, is taken once", async () => {
    const { rootPem } = await makeCertificateChain("one", ["db"]);
    const list = (await findRdsAuthorities("eu-central-1", now)) ?? [];
    await writeFile(rdsCaFile, [rootPem, ...list, rootPem].join("\n"));
    const names = (await chooseAuthorities({ rdsCaFile }, now))?.names ?? [];
    expect(names).toHaveLength(1 + 8);
    expect(new Set(names).size).toBe(names.length);
  });

  test("what has expired is left out and named", async () => {
    const old = await makeCertificateChain("old", ["db"], { rootEnds: new Date("2024-08-22T17:08:50Z") });
    const { rootPem } = await makeCertificateChain("new", ["db"]);
    await writeFile(rdsCaFile, old.rootPem + rootPem);
    const chosen = await chooseAuthorities({ rdsCaFile }, now);
    expect(chosen?.expired).toEqual(["old"]);
    expect(chosen?.names).not.toContain("old");
    expect(chosen?.pem).not.toContain(old.rootPem.trim());
  });

  test("nothing is left when all has expired: it is refused, with the dates", async () => {
    const old = await makeCertificateChain("old", ["db"], { rootEnds: new Date("2024-08-22T17:08:50Z") });
    await writeFile(rdsCaFile, old.rootPem);
    await expect(chooseAuthorities({ rdsCaFile }, now)).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringMatching(/rds\.pem holds only what has expired: old \(Aug 22 .*2024/u),
    });
  });

  test.each([
    ["", "holds no certificate"],
    ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate 1 cannot be parsed"],
    [undefined, "cannot be read (ENOENT)"],
  ])("%j is refused", async (content, reason) => {
    if (content !== undefined) await writeFile(rdsCaFile, content);
    await expect(chooseAuthorities({ rdsCaFile }, now)).rejects.toMatchObject({
      code: "config.invalid",
      message: expect.stringContaining(reason),
    });
  });
});

describe("a region that the list lacks is refused, with those it has and where AWS keeps the file", () => {
  test.each([
    ["il-central-1", "https://truststore.pki.rds.amazonaws.com/il-central-1/il-central-1-bundle.pem"],
    ["us-gov-east-1", "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/us-gov-east-1/us-gov-east-1-bundle.pem"],
    ["cn-north-1", "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn/cn-north-1/cn-north-1-bundle.pem"],
    ["eu central 1", "https://truststore.pki.rds.amazonaws.com/REGION/REGION-bundle.pem"],
    ["", "https://truststore.pki.rds.amazonaws.com/REGION/REGION-bundle.pem"],
  ])("%j", async (region, address) => {
    await expect(chooseAuthorities({ region }, now)).rejects.toMatchObject({
      code: "build.unknown-region",
      message: expect.stringMatching(new RegExp(`"${region}": known are af-south-1, .*, us-west-2\\.$`, "u")),
      hint: expect.stringContaining(`--rds-ca FILE. AWS has it at ${address}`),
    });
  });
});
