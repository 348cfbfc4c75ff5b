import { expect, test } from "vitest";
import { answerHostKey, type HostKeyQuestion } from "#lib/tunnel/ssh/host-key.ts";
import { fingerprintOf, parseKnownHosts } from "#lib/tunnel/ssh/known-hosts.ts";
import { makePublicKey, publicKeyField } from "../../../support/ssh/public-keys.ts";

const key = makePublicKey();
const other = makePublicKey("ssh-rsa");

function ask(text: string, options: Partial<HostKeyQuestion> = {}) {
  const known = parseKnownHosts(text, "/home/me/.ssh/known_hosts");
  const address = { host: "db1", port: 22 };
  return answerHostKey({ address, key, known, file: "/home/me/.ssh/known_hosts", acceptNew: false, ...options });
}

function refusal(text: string, options: Partial<HostKeyQuestion> = {}) {
  const answer = ask(text, options);
  if (answer.outcome !== "refused") throw new Error(`Expected a refusal, not ${answer.outcome}.`);
  return answer.reason;
}

test("a known key is known, whether new ones are taken or not", () => {
  expect(ask(`db1 ${publicKeyField(key)}`)).toEqual({ outcome: "known" });
  expect(ask(`db1 ${publicKeyField(key)}`, { acceptNew: true })).toEqual({ outcome: "known" });
});

test("a changed key is told with both fingerprints and the place of the old one, and never taken", () => {
  expect(refusal(`# old\ndb1 ${publicKeyField(other)}`, { acceptNew: true })).toMatchObject({
    code: "ssh.host-key-changed",
    message:
      `The SSH server db1:22 shows the host key ssh-ed25519 ${fingerprintOf(key)}, but ` +
      `/home/me/.ssh/known_hosts:2 has ssh-rsa ${fingerprintOf(other)}.`,
    hint: expect.stringContaining("take line 2 out of /home/me/.ssh/known_hosts"),
  });
});

test("a revoked key is never taken", () => {
  expect(refusal(`@revoked * ${publicKeyField(key)}`, { acceptNew: true })).toMatchObject({
    code: "ssh.host-key-changed",
    message: expect.stringContaining("/home/me/.ssh/known_hosts:1 revokes"),
    hint: expect.stringContaining("Do not connect"),
  });
});

test("an unknown key is told with its fingerprint and the line to add", () => {
  expect(refusal("", { address: { host: "DB1", port: 2222 } })).toMatchObject({
    code: "ssh.host-key-unknown",
    message: expect.stringContaining(`ssh-ed25519 ${fingerprintOf(key)}, which is not known.`),
    hint: expect.stringMatching(
      new RegExp(String.raw`add this line to /home/me/\.ssh/known_hosts: \[db1\]:2222 ssh-ed25519 AAAA`, "u"),
    ),
  });
});

test("an unknown key is taken where that is asked for and there is a file to keep it in", () => {
  expect(ask("", { acceptNew: true })).toEqual({ outcome: "new", line: `db1 ${publicKeyField(key)}` });
  expect(refusal("", { acceptNew: true, file: undefined })).toMatchObject({
    code: "ssh.host-key-unknown",
    hint: expect.stringContaining("a known_hosts file, and name that"),
  });
});

test("what might have made it known is said: an authority, a line that cannot be read", () => {
  const reason = refusal(`@cert-authority db* ${publicKeyField(other)}\ndb1 ssh-ed25519 broken`);
  expect(reason.code).toBe("ssh.host-key-unknown");
  expect(reason.message).toContain("/home/me/.ssh/known_hosts:1 trusts a certificate authority");
  expect(reason.message).toContain("/home/me/.ssh/known_hosts:2 cannot be read");
});
