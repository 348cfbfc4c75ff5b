import { expect, test } from "vitest";
import { codeOfSilence, codeOfTransport, isFarEndReason, isServersAnswer } from "#lib/doctor/far-end.ts";
import { isVerdictCode } from "#lib/doctor/verdicts.ts";

test.each(["tcp.refused", "tcp.timeout", "tcp.unreachable", "dns.not-found", "endpoint.closed"] as const)(
  "%s on the way to an SSH server is said of that server, not of the database",
  (code) => {
    expect(codeOfTransport("ssh", "connect", code)).toBe("ssh.unreachable");
    const own = code === "tcp.unreachable" ? "route.unreachable" : code;
    expect(codeOfTransport("direct", "connect", code)).toBe(own);
    expect(isVerdictCode(own)).toBe(true);
  },
);

test.each(["ssh.refused", "ssh.host-unresolved", "ssh.no-answer", "ssh.forbidden"] as const)(
  "%s before the link is up is a jump host's, after that the last server's",
  (code) => {
    expect(codeOfTransport("ssh", "connect", code)).toBe("ssh.jump");
    expect(codeOfTransport("ssh", "stream", code)).toBe(code);
  },
);

test("a reason that is the transport's own stays what it is", () => {
  expect(codeOfTransport("ssm", "connect", "ssm.agent-offline")).toBe("ssm.agent-offline");
  expect(codeOfTransport("ssh", "connect", "ssh.auth")).toBe("ssh.auth");
  expect(codeOfTransport("ssm", "connect", "aws.permission")).toBe("aws.permission");
});

test("silence has a verdict for each transport and phase", () => {
  const all = (["ssm", "ssh", "direct"] as const).flatMap((kind) => [
    codeOfSilence(kind, "connect"),
    codeOfSilence(kind, "stream"),
  ]);
  expect(all).toEqual([
    "ssm.handshake",
    "ssm.no-answer",
    "ssh.unreachable",
    "ssh.no-answer",
    "tcp.timeout",
    "tcp.timeout",
  ]);
  expect(all.every(isVerdictCode)).toBe(true);
});

test.each(["db.missing", "auth.rejected", "proxy.missing-secret", "proxy.secret-stale"])(
  "%s is said in words, which no way makes up",
  (code) => {
    expect(isServersAnswer(code)).toBe(true);
  },
);

test.each(["parallel.limit", "proxy.pool-exhausted", "endpoint.closed", "ssm.lost", "internal"])(
  "%s may be the doing of the way",
  (code) => {
    expect(isServersAnswer(code)).toBe(false);
  },
);

test("that a stream was closed is no reason of the far end's", () => {
  expect(["ssm.refused", "ssh.lost"].every((code) => isFarEndReason(code as "ssm.refused"))).toBe(true);
  expect(isFarEndReason("aborted")).toBe(false);
});
