import { describe, expect, it, test } from "vitest";
import { explainProxy, type ProxyWalk } from "#lib/doctor/control-plane/explain-proxy.ts";
import type { ProxySaying, ProxySayingKind } from "#lib/doctor/control-plane/proxy-sayings.ts";
import { describeVerdict, type VerdictCode } from "#lib/doctor/verdicts.ts";
import type { DoctorVerdict } from "#lib/protocol.ts";

const walk: ProxyWalk = {
  since: new Date("2026-12-01T10:00:00Z"),
  role: "postern_health",
  secret: "postern/dev/health",
};
const during = new Date("2026-12-01T10:00:01Z");
const before = new Date("2026-12-01T09:59:59Z");
const own = { role: "postern_health" };
const arnOf = (name: string) => ({ secret: `arn:aws:secretsmanager:eu-central-1:1:secret:${name}-AbCdEf` });

function said(kind: ProxySayingKind, more: Partial<ProxySaying> = {}): ProxySaying {
  return { kind, at: during, text: "it says so", ...more };
}

function verdict(code: VerdictCode): DoctorVerdict {
  const { summary, fix } = describeVerdict(code);
  return { code, summary, fix, evidence: "seen" };
}

function doubt(...codes: VerdictCode[]): DoctorVerdict {
  return { ...verdict("ambiguous"), ranked: codes.map((code) => ({ code, settle: "look again" })) };
}

const explain = (code: VerdictCode, ...sayings: ProxySaying[]) => explainProxy(verdict(code), { sayings, walk });

describe("a walk that was told no reason has the line's, where it is of its own login and time", () => {
  const reasonless = [
    "auth.closed",
    "auth.stalled",
    "proxy.pool-exhausted",
    "startup.closed",
    "startup.reset",
    "startup.stalled",
  ] as const;

  it.each(reasonless)("%s", (code) => {
    expect(explain(code, said("password-refused", own))).toMatchObject({
      code: "proxy.secret-stale",
      fix: describeVerdict("proxy.secret-stale").fix,
      evidence: "the proxy's log at 2026-12-01T10:00:01.000Z: it says so; seen",
    });
  });

  it("an ambiguous one, where that is one of the causes", () => {
    const log = { sayings: [said("password-refused", own)], walk };
    expect(explainProxy(doubt("proxy.pool-exhausted", "path.slow"), log).code).toBe("proxy.secret-stale");
    expect(explainProxy(doubt("path.lossy", "tls.closed"), log)).toEqual(doubt("path.lossy", "tls.closed"));
  });

  it.each([
    ["a role that has two secrets", said("secret-doubled", own)],
    ["a secret that the proxy may not read", said("secret-forbidden", arnOf("postern/dev/health"))],
  ])("%s", (_, saying) => {
    const found = explain("auth.stalled", saying);
    expect(found.code).toBe("proxy.missing-secret");
    expect(found.fix).not.toBe(describeVerdict("proxy.missing-secret").fix);
  });

  it("not by the newest line, but by the one that says it", () => {
    const sayings = [
      said("timed-out"),
      said("password-refused", { role: "postern_app" }),
      said("password-refused", own),
    ];
    expect(explain("proxy.pool-exhausted", ...sayings).code).toBe("proxy.secret-stale");
  });
});

describe("no other verdict comes of a line", () => {
  it.each([
    ["from before the walk", said("password-refused", { ...own, at: before })],
    ["of another role", said("password-refused", { role: "postern_app" })],
    ["of a role whose name begins alike", said("password-refused", { role: "postern_health_2" })],
    ["of nobody", said("password-refused")],
    ["of another secret", said("secret-forbidden", arnOf("postern/dev/app"))],
    ["of another stage's secret", said("secret-forbidden", arnOf("postern/dev2/health"))],
    ["of a refusal that is no old password", said("login-refused", own)],
    ["of a database that is full", said("database-full", own)],
    ["of a client", said("client-refused", own)],
  ])("%s", (_, saying) => {
    for (const code of ["proxy.pool-exhausted", "ambiguous", "startup.closed"] as const) {
      expect(explain(code, saying)).toMatchObject({ code, fix: describeVerdict(code).fix });
    }
  });

  it("where the server has said the reason itself", () => {
    for (const code of ["db.failed", "auth.rejected", "tls.required", "endpoint.silent", "tcp.timeout"] as const) {
      expect(explain(code, said("password-refused", own))).toEqual(verdict(code));
    }
  });
});

describe("evidence is", () => {
  const quoted = /^seen; the proxy's log at \S+: it says so$/u;

  it.each([
    ["aws.proxy-target", said("timed-out")],
    ["aws.proxy-target", said("password-refused", { role: "postern_app" })],
    ["proxy.pool-exhausted", said("login-refused", own)],
    ["proxy.secret-stale", said("password-refused", own)],
    ["proxy.missing-secret", said("no-credentials")],
    ["auth.rejected", said("client-refused", own)],
    ["tls.required", said("tls-required")],
    ["db.too-many-connections", said("database-full")],
  ] as const)("what speaks for %s", (code, saying) => {
    expect(explain(code, saying)).toMatchObject({ code, evidence: expect.stringMatching(quoted) });
  });

  it("an older line, too, which changes nothing that is to do", () => {
    const found = explain("aws.proxy-target", said("password-refused", { at: before }));
    expect(found).toMatchObject({ fix: verdict("aws.proxy-target").fix, evidence: expect.stringMatching(quoted) });
  });

  it.each([
    [
      "of another login, for a walk's own verdict",
      "proxy.missing-secret",
      said("secret-doubled", { role: "postern_app" }),
    ],
    ["that speaks for something else", "auth.rejected", said("timed-out")],
  ] as const)("no line %s", (_, code, saying) => {
    expect(explain(code, saying)).toEqual(verdict(code));
  });
});

test("what mends a target that cannot log in is said by a line of now", () => {
  expect(explain("aws.proxy-target", said("password-refused", { role: "postern_app" })).fix).toContain("postern setup");
  expect(explain("aws.proxy-target", said("secret-forbidden", arnOf("postern/dev/app"))).fix).toContain("role read");
  expect(explain("proxy.missing-secret", said("secret-doubled", own)).fix).toMatch(/^Two secrets/u);
});

test("a log that says nothing changes nothing", () => {
  expect(explain("proxy.pool-exhausted")).toEqual(verdict("proxy.pool-exhausted"));
});

test("a secret that the manifest names by its ARN is known by it", () => {
  const { secret } = arnOf("postern/dev/health");
  const found = explainProxy(verdict("auth.stalled"), {
    sayings: [said("secret-forbidden", { secret })],
    walk: { since: walk.since, secret },
  });
  expect(found.code).toBe("proxy.missing-secret");
});
