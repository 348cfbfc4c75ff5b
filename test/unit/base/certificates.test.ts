import { X509Certificate } from "node:crypto";
import { createServer } from "node:https";
import { connect } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  createAuthority,
  createServerCertificate,
  isUsableAuthority,
  isUsableServerCertificate,
} from "#lib/base/certificates.ts";

const names = ["localhost", "127.0.0.1", "::1", "db.example"];
const now = new Date("2026-03-01T12:00:00Z");
const later = (days: number) => new Date(now.getTime() + days * 86_400_000);

const authority = await createAuthority("Test authority", now);
const server = await createServerCertificate(authority, names, now);

describe("the authority", () => {
  test("signs itself, may sign others, and lasts ten years", () => {
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate).toMatchObject({ ca: true, subject: "CN=Test authority", issuer: "CN=Test authority" });
    expect(new Date(certificate.validTo)).toEqual(later(3650));
    expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: "prime256v1" });
  });

  test("is used until a year before its end, and only with its own key", async () => {
    expect(isUsableAuthority(authority, later(3284))).toBe(true);
    expect(isUsableAuthority(authority, later(3286))).toBe(false);
    expect(isUsableAuthority(authority, later(-2))).toBe(false);
    const stranger = await createAuthority("Test authority", now);
    expect(isUsableAuthority({ ...authority, privateKey: stranger.privateKey }, now)).toBe(false);
  });

  test("that is missing or damaged is not usable", () => {
    expect(isUsableAuthority({ certificate: "", privateKey: "" }, now)).toBe(false);
    expect(isUsableAuthority({ ...authority, certificate: authority.certificate.slice(0, 200) }, now)).toBe(false);
  });

  test("made in 2049 ends in a year that needs the longer form of time", async () => {
    const late = new X509Certificate((await createAuthority("Late", new Date("2049-06-01T00:00:00Z"))).certificate);
    expect(new Date(late.validFrom).getUTCFullYear()).toBe(2049);
    expect(new Date(late.validTo).getUTCFullYear()).toBe(2059);
  });
});

describe("the server certificate", () => {
  test("covers every name, DNS and IP, and no other", () => {
    const certificate = new X509Certificate(server.certificate);
    expect(certificate.checkHost("db.example")).toBe("db.example");
    expect(certificate.checkHost("localhost")).toBe("localhost");
    expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(certificate.checkIP("::1")).toBe("::1");
    expect(certificate.checkHost("other.example")).toBeUndefined();
    expect(certificate.checkIP("127.0.0.2")).toBeUndefined();
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
  });

  test.each([
    { address: "2001:db8::8:800:200c:417a" },
    { address: "fe80::" },
    { address: "1:2:3:4:5:6:7:8" },
    { address: "::" },
  ])("writes the IPv6 address $address in full", async ({ address }) => {
    const made = await createServerCertificate(authority, [address], now);
    const certificate = new X509Certificate(made.certificate);
    expect(certificate.checkIP(address)).toBeDefined();
  });

  test("is renewed from 30 days before its end, for a new name, and for a new authority", async () => {
    const isUsable = (at: Date, wanted = names, signer = authority) =>
      isUsableServerCertificate(server, signer, wanted, at);
    expect(isUsable(later(334))).toBe(true);
    expect(isUsable(later(336))).toBe(false);
    expect(isUsable(now, [...names, "another.example"])).toBe(false);
    expect(isUsable(now, names, await createAuthority("Test authority", now))).toBe(false);
  });

  test("two certificates never share a serial number", async () => {
    const other = await createServerCertificate(authority, names, now);
    expect(new X509Certificate(other.certificate).serialNumber).not.toBe(
      new X509Certificate(server.certificate).serialNumber,
    );
  });

  test("holds in a real handshake that verifies chain and name", async () => {
    const today = new Date();
    const fresh = await createAuthority("Fresh authority", today);
    const { certificate: cert, privateKey: key } = await createServerCertificate(fresh, names, today);
    const listener = createServer({ cert, key });
    onTestFinished(() => void listener.close());
    const port = await new Promise<number>((resolve) => {
      listener.listen(0, "127.0.0.1", () => resolve((listener.address() as { port: number }).port));
    });
    const shakeHands = async (servername: string) =>
      new Promise<boolean>((resolve, reject) => {
        const socket = connect({ port, host: "127.0.0.1", ca: fresh.certificate, servername }, () => {
          resolve(socket.authorized);
          socket.destroy();
        });
        socket.once("error", reject);
      });
    await expect(shakeHands("db.example")).resolves.toBe(true);
    await expect(shakeHands("other.example")).rejects.toMatchObject({ code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  });
});
