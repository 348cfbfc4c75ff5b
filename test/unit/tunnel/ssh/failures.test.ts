import { describe, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { plainText, toLoginError, toOpenError, toSshError } from "#lib/tunnel/ssh/failures.ts";

const server = "ops@bastion:22";

/** As ssh2 makes them: an Error with more on it. */
function error(message: string, more: Readonly<Record<string, unknown>> = {}): Error {
  return Object.assign(new Error(message), more);
}

describe("an error of the connection", () => {
  test.each([
    [
      "a reset before the greeting",
      error("x", { level: "client-socket", code: "ECONNRESET" }),
      "handshake",
      "endpoint.closed",
    ],
    [
      "a reset during the login",
      error("x", { level: "client-socket", code: "ECONNRESET" }),
      "login",
      "endpoint.closed",
    ],
    ["a reset of a live one", error("x", { level: "client-socket", code: "ECONNRESET" }), "live", "ssh.lost"],
    [
      "no common algorithm",
      error("no matching key exchange algorithm", { level: "handshake" }),
      "handshake",
      "ssh.failed",
    ],
    ["a server's goodbye", error("bye", { code: 2 }), "live", "ssh.failed"],
    ["too many keys", error("Too many authentication failures", { code: 2 }), "login", "ssh.auth"],
    ["no more methods", error("enough", { code: 14 }), "login", "ssh.auth"],
    ["a broken packet", error("Bad packet length", { level: "protocol" }), "live", "ssh.failed"],
    ["one of our own", new PosternError("ssh.passphrase", "x"), "login", "ssh.passphrase"],
  ] as const)("%s", (_, cause, phase, code) => {
    expect(toSshError(cause, { phase, server }).code).toBe(code);
  });
});

describe("a stream that was not opened", () => {
  const connectFailed = 2;
  test.each([
    ["Connection refused", connectFailed, "ssh.refused"],
    ["Connection timed out", connectFailed, "ssh.no-answer"],
    ["No route to host", connectFailed, "ssh.refused"],
    ["Name or service not known", connectFailed, "ssh.host-unresolved"],
    ["Temporary failure in name resolution", connectFailed, "ssh.host-unresolved"],
    ["Name does not resolve", connectFailed, "ssh.host-unresolved"],
    ["nodename nor servname provided, or not known", connectFailed, "ssh.host-unresolved"],
    ["No address associated with hostname", connectFailed, "ssh.host-unresolved"],
    ["open failed", 1, "ssh.forbidden"],
    ["unknown channel type", 3, "ssh.forbidden"],
    ["Out of channels", 4, "ssh.failed"],
  ])("%s", (words, reason, code) => {
    const cause = error(`(SSH) Channel open failure: ${words}`, { reason });
    const told = toOpenError(cause, { server, target: "db:5432", purpose: "PostgreSQL" });
    expect(told).toMatchObject({ code, message: expect.stringContaining("db:5432") });
    expect(told.message).toContain(words);
    expect(told.message).not.toContain("(SSH)");
  });

  test("without a word says that", () => {
    const cause = error("(SSH) Channel open failure: ", { reason: connectFailed });
    expect(toOpenError(cause, { server, target: "db:5432", purpose: "PostgreSQL" }).message).toBe(
      "ops@bastion:22 does not reach PostgreSQL at db:5432: it gave no reason.",
    );
  });
});

test("a key that could not be used says more than those that the server refused", () => {
  const problem = new PosternError("ssh.passphrase", "The private key ~/.ssh/mine is encrypted.");
  const facts = { server, user: "ops", offered: ["~/.ssh/other"], accepted: ["publickey"], isPartial: false };
  expect(toLoginError({ ...facts, problems: [] })).toMatchObject({ code: "ssh.auth" });
  expect(toLoginError({ ...facts, problems: [problem] })).toMatchObject({
    code: "ssh.passphrase",
    message: expect.stringMatching(
      /mine is encrypted\. .* took none of the keys of ops: ~\/\.ssh\/other\. It takes: publickey\./u,
    ),
  });
});

test.each([
  ["one\u{1B}[31m\ntwo\u{7}\u{202E} three. ", "one [31m two three"],
  ["x".repeat(1000), `${"x".repeat(300)}…`],
  ["", ""],
])("a server's words are one line without control characters, and not without end", (words, plain) => {
  expect(plainText(words)).toBe(plain);
});
