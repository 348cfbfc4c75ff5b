import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type ScramFailure, ScramError, startScram } from "#lib/postgres/wire/scram.ts";

/** The server's side, from RFC 5802 and by nothing of ours. */
function server(password: string, { iterations = 4096, salt = Buffer.from("salt of 16 bytes") } = {}) {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  return {
    challenge: (clientFirst: Buffer) =>
      Buffer.from(`r=${nonceOf(clientFirst)}theirs,s=${salt.toString("base64")},i=${iterations}`),
    check: (clientFirst: Buffer, challenge: Buffer, clientFinal: Buffer) => {
      const [bare = "", proof = ""] = clientFinal.toString().split(",p=");
      const authMessage = `${clientFirst.toString().slice(3)},${challenge.toString()},${bare}`;
      const clientKey = sign(salted, "Client Key");
      const signature = sign(createHash("sha256").update(clientKey).digest(), authMessage);
      const expected = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
      const final = Buffer.from(`v=${sign(sign(salted, "Server Key"), authMessage).toString("base64")}`);
      return { accepted: expected.equals(Buffer.from(proof, "base64")), final };
    },
  };
}

function sign(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function nonceOf(clientFirst: Buffer): string {
  return /r=([^,]+)/.exec(clientFirst.toString())?.[1] ?? "";
}

async function exchange(clientPassword: string, serverPassword: string) {
  const client = startScram(clientPassword);
  const far = server(serverPassword);
  const challenge = far.challenge(client.first);
  return { client, ...far.check(client.first, challenge, await client.answer(challenge)) };
}

function failureOf(action: () => unknown): ScramFailure | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error instanceof ScramError ? error.failure : undefined;
  }
}

describe("SCRAM-SHA-256", () => {
  test("proves the password, and takes the server's proof", async () => {
    const { client, accepted, final } = await exchange("correct horse", "correct horse");
    expect(accepted).toBe(true);
    expect(() => client.verify(final)).not.toThrow();
  });

  test("a wrong password proves nothing to either side", async () => {
    const { client, accepted, final } = await exchange("wrong", "right");
    expect(accepted).toBe(false);
    expect(failureOf(() => client.verify(final))).toBe("impostor");
  });

  test.each([
    ["a no-break space is a space", "a\u00A0b", "a b"],
    ["a soft hyphen is nothing", "a\u00ADb", "ab"],
    ["a ligature is its letters", "\uFB01x", "fix"],
    ["with a control character it stays as it is", "a\u00AD\u0007", "a\u00AD\u0007"],
  ])("%s", async (_, typed, prepared) => {
    expect((await exchange(typed, prepared)).accepted).toBe(true);
  });

  test("sends another nonce each time", () => {
    expect(nonceOf(startScram("x").first)).not.toBe(nonceOf(startScram("x").first));
  });

  test.each<[string, (nonce: string) => string, ScramFailure]>([
    ["a nonce that is not ours", () => "r=theirs,s=c2FsdA==,i=4096", "foreign-nonce"],
    ["our nonce alone", (nonce) => `r=${nonce},s=c2FsdA==,i=4096`, "foreign-nonce"],
    ["no salt", (nonce) => `r=${nonce}x,i=4096`, "malformed"],
    ["no iterations", (nonce) => `r=${nonce}x,s=c2FsdA==`, "malformed"],
    ["a word for iterations", (nonce) => `r=${nonce}x,s=c2FsdA==,i=1e9`, "malformed"],
    ["iterations for a minute", (nonce) => `r=${nonce}x,s=c2FsdA==,i=4000000000`, "iterations"],
    ["nothing", () => "", "malformed"],
  ])("does not answer %s", async (_, challenge, failure) => {
    const client = startScram("x");
    const answered = client.answer(Buffer.from(challenge(nonceOf(client.first))));
    await expect(answered).rejects.toMatchObject({ name: "ScramError", failure });
  });

  test("a yes without a signature is none", async () => {
    const { client } = await exchange("x", "x");
    expect(failureOf(() => client.verify(Buffer.from("")))).toBe("malformed");
    expect(failureOf(() => client.verify(Buffer.from("v=AAAA")))).toBe("impostor");
    expect(failureOf(() => client.verify(Buffer.from("e=invalid-proof")))).toBe("rejected");
  });

  test("a signature before any challenge proves nothing", () => {
    expect(failureOf(() => startScram("x").verify(Buffer.from("v=AAAA")))).toBe("malformed");
  });
});
