import { createHash, createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { createScramVerifier } from "#lib/migrate/roles/scram-verifier.ts";

/** RFC 7677, section 3: the one published exchange of SCRAM-SHA-256. */
const rfc = {
  password: "pencil",
  salt: Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"),
  authMessage: [
    "n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  ].join(","),
  clientProof: "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  serverSignature: "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

test("the verifier accepts the proof of RFC 7677's exchange, and signs as its server does", async () => {
  const verifier = await createScramVerifier(rfc.password, rfc.salt);
  const [, salt, storedKey = "", serverKey = ""] = /^SCRAM-SHA-256\$4096:([^$]+)\$([^:]+):(.+)$/.exec(verifier) ?? [];
  expect(salt).toBe(rfc.salt.toString("base64"));

  // As a server checks it: ClientKey = proof XOR HMAC(StoredKey, AuthMessage), and SHA-256(ClientKey) = StoredKey.
  const signature = createHmac("sha256", Buffer.from(storedKey, "base64")).update(rfc.authMessage).digest();
  const proof = Buffer.from(rfc.clientProof, "base64");
  const clientKey = Buffer.from(proof.map((byte, index) => byte ^ (signature[index] ?? 0)));
  expect(createHash("sha256").update(clientKey).digest("base64")).toBe(storedKey);

  const serverSignature = createHmac("sha256", Buffer.from(serverKey, "base64")).update(rfc.authMessage);
  expect(serverSignature.digest("base64")).toBe(rfc.serverSignature);
});

test("each verifier has a salt of its own", async () => {
  expect(await createScramVerifier("secret")).not.toBe(await createScramVerifier("secret"));
});

test.each(["", "pässword", "line\nbreak", "nul\0"])("%j, which SASLprep would change, is refused", async (password) => {
  await expect(createScramVerifier(password)).rejects.toMatchObject({
    code: "secret.invalid",
  });
});
