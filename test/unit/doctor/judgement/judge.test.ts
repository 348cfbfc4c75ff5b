import { describe, expect, test } from "vitest";
import { type Attempt, type Failure, type SocketFacts, type StepName, stepNames } from "#lib/doctor/evidence.ts";
import type { Findings } from "#lib/doctor/findings.ts";
import { judge, needsRepeat } from "#lib/doctor/judgement/judge.ts";

function failedAt(step: StepName, failure: Failure, socket?: SocketFacts): Attempt {
  const passed = stepNames.slice(0, stepNames.indexOf(step)).map((name) => ({ name, ms: 1, detail: "" }));
  return {
    steps: [...passed, { name: step, ms: 1300, detail: "seen", failure }],
    ...(socket === undefined ? {} : { socket }),
  };
}

const silence: Failure = { kind: "timeout" };
const trickle: Failure = { kind: "timeout", lastBytesMs: 2000 };
const standstill: Failure = { kind: "timeout", lastBytesMs: 12 };
const limit: Extract<Failure, { kind: "limit" }> = { kind: "limit", worked: 2, wanted: 4, isSilent: true };
const reset: Failure = { kind: "ended", how: "reset", hasBytes: false, notified: false };
const fin: Failure = { kind: "ended", how: "fin", hasBytes: false, notified: false };
const calm: SocketFacts = {
  retransmits: 0,
  sentSegments: 40,
  hasOutOfOrder: false,
  ackedInStepBytes: 0,
  unackedBytes: 0,
};

const holed: SocketFacts = { ...calm, hasOutOfOrder: true };

function twice(step: StepName, failure: Failure, socket?: SocketFacts): Findings {
  return { attempts: [failedAt(step, failure, socket), failedAt(step, failure, socket)] };
}

/** A step before took so long, and the failed one missed so much of its time. */
function doubtful(step: StepName, { beforeMs = 1, missedMs = 0 }, failure: Failure = silence): Attempt {
  const before = { name: "tcp", ms: beforeMs, detail: "" } as const;
  return { steps: [before, { name: step, ms: 1300, missedMs, detail: "seen", failure }], socket: calm };
}

/** Nothing failed, but so much was sent again. */
function well(retransmits: number, sentSegments: number): Findings {
  return { attempts: [{ steps: [], socket: { ...calm, retransmits, sentSegments } }] };
}

function refused(sqlState: string, message: string, isPasswordProven = false): Findings {
  const report = { severity: "FATAL", sqlState, message };
  return { attempts: [failedAt("auth", { kind: "refused", report, isPasswordProven })] };
}

test("silence after the login accuses no proxy that nobody has seen", () => {
  for (const step of ["ready", "query"] as const) {
    const { code, summary, fix } = judge(twice(step, silence, calm));
    expect(code).toBe("proxy.pool-exhausted");
    expect(summary).not.toContain("proxy");
    expect(fix).toMatch(/Behind a pooler.*at a server itself/u);
  }
});

describe("one root cause for what was seen", () => {
  test.each<[string, Findings, string]>([
    [
      "a name that does not exist",
      { attempts: [failedAt("dns", { kind: "errno", errno: "ENOTFOUND", ms: 3 })] },
      "dns.not-found",
    ],
    [
      "a name that is too long to be one",
      { attempts: [failedAt("dns", { kind: "errno", errno: "EINVAL", ms: 3 })] },
      "dns.not-found",
    ],
    [
      "a resolver that is broken",
      { attempts: [failedAt("dns", { kind: "errno", errno: "EAI_AGAIN", ms: 3 })] },
      "dns.unavailable",
    ],
    ["a resolver that is silent", twice("dns", silence), "dns.unavailable"],
    ["no answer to SYN", twice("tcp", silence), "tcp.timeout"],
    [
      "a host that is down",
      { attempts: [failedAt("tcp", { kind: "errno", errno: "EHOSTUNREACH", ms: 3050 })] },
      "tcp.host-down",
    ],
    [
      "a router that refuses",
      { attempts: [failedAt("tcp", { kind: "errno", errno: "EHOSTUNREACH", ms: 2 })] },
      "route.unreachable",
    ],
    [
      "a blackhole route",
      { attempts: [failedAt("tcp", { kind: "errno", errno: "EINVAL", ms: 0 })] },
      "route.local-blackhole",
    ],
    ["silence to the request for TLS", twice("ssl-request", silence, calm), "endpoint.silent"],
    ["silence in the handshake, all acknowledged", twice("tls", silence, calm), "tls.stalled"],
    ["a hole in what came", twice("tls", standstill, { ...calm, hasOutOfOrder: true }), "path.mtu-down"],
    ["a ClientHello that nobody acknowledges", twice("tls", silence, { ...calm, unackedBytes: 517 }), "path.flow-cut"],
    [
      "a ClientHello that nobody acknowledges, and a small one that is answered",
      { ...twice("tls", silence, { ...calm, unackedBytes: 1587 }), isTinyReplyAnswered: true },
      "path.mtu-up",
    ],
    [
      "a certificate that just fits through a hole, and 32 KB that do not",
      {
        attempts: [
          failedAt("tls", standstill, holed),
          failedAt("tls", standstill, holed),
          failedAt("download", silence, holed),
        ],
      },
      "path.mtu-down",
    ],
    [
      "a certificate that just fitted through a hole at first",
      {
        attempts: [
          failedAt("download", silence, holed),
          failedAt("tls", standstill, holed),
          failedAt("tls", standstill, holed),
        ],
      },
      "path.mtu-down",
    ],
    [
      "the same where packets had to be sent again",
      {
        attempts: [
          failedAt("download", silence, { ...holed, retransmits: 2 }),
          failedAt("tls", standstill, holed),
          failedAt("tls", standstill, holed),
        ],
      },
      "path.lossy",
    ],
    [
      "a certificate that is lost at first, and 32 KB that stop in the middle",
      {
        attempts: [
          failedAt("tls", silence, calm),
          failedAt("tls", silence, calm),
          failedAt("download", standstill, calm),
        ],
      },
      "path.lossy",
    ],
    ["a handshake that comes byte by byte", twice("tls", trickle, calm), "path.slow"],
    ["a handshake that stops in its middle", twice("tls", standstill, calm), "tls.stalled"],
    ["silence to a query after the log-in", twice("query", silence, calm), "proxy.pool-exhausted"],
    ["a query that nobody acknowledges", twice("query", silence, { ...calm, unackedBytes: 40 }), "path.flow-cut"],
    ["no time left for all steps", twice("query", { kind: "out-of-time" }), "path.slow"],
    ["too many at a time, and nothing lost", twice("parallel", limit, calm), "parallel.limit"],
    ["too many at a time, where packets are lost", twice("parallel", limit, { ...calm, retransmits: 3 }), "path.lossy"],
    [
      "too many at a time, closed, on a way that loses packets",
      twice("parallel", { ...limit, isSilent: false }, { ...calm, retransmits: 3 }),
      "parallel.limit",
    ],
    [
      "too many at a time by the server's word",
      {
        attempts: [
          failedAt("parallel", {
            kind: "refused",
            report: { severity: "FATAL", sqlState: "53300", message: "too many connections for role" },
            isPasswordProven: true,
          }),
        ],
      },
      "parallel.limit",
    ],
    [
      "a password that was asked for, and none given",
      { attempts: [failedAt("auth", { kind: "no-password" })] },
      "auth.no-password",
    ],
    ["a rest that is forgotten", { attempts: [failedAt("hold", silence)] }, "idle.silent"],
    ["a rest that is cut", { attempts: [failedAt("hold", reset)] }, "idle.reset"],
    ["only small answers arrive", { ...twice("tls", silence), isTinyReplyAnswered: true }, "path.mtu-down"],
    ["not even small answers arrive", { ...twice("tls", silence), isTinyReplyAnswered: false }, "tls.stalled"],
    ["a reset handshake", twice("tls", reset), "tls.reset"],
    ["a closed handshake", twice("tls", fin), "tls.closed"],
    ["silence to the startup message", twice("startup", silence), "startup.stalled"],
    ["silence after the password was accepted", twice("ready", silence), "proxy.pool-exhausted"],
    [
      "32 KB that stop in the middle, with a hole",
      twice("download", standstill, { ...calm, hasOutOfOrder: true }),
      "path.mtu-down",
    ],
    ["32 KB that come too slowly", twice("download", trickle, calm), "path.slow"],
    ["32 KB that stop in the middle", twice("download", standstill, calm), "path.flow-cut"],
    ["32 KB of which nothing comes", twice("download", silence, calm), "path.mtu-down"],
    ["32 KB that are cut", twice("download", reset), "path.cut"],
    ["32 KB up that nobody acknowledges", twice("upload", silence, { ...calm, unackedBytes: 30_000 }), "path.mtu-up"],
    [
      "32 KB up of which the first are acknowledged",
      twice("upload", silence, { ...calm, ackedInStepBytes: 18_000, unackedBytes: 9000 }),
      "path.flow-cut",
    ],
    [
      "32 KB up that nobody acknowledges, nor small packets",
      { ...twice("upload", silence, { ...calm, unackedBytes: 9000 }), isSmallUploadAnswered: false },
      "path.flow-cut",
    ],
    ["a wrong password", refused("28P01", 'password authentication failed for user "x"'), "auth.rejected"],
    [
      "the proxy's password is old",
      refused("28P01", 'password authentication failed for user "x"', true),
      "proxy.secret-stale",
    ],
    [
      "the proxy knows no such role",
      refused("28000", "This RDS proxy has no credentials for the role x."),
      "proxy.missing-secret",
    ],
    [
      "PgBouncer hands on what the server said",
      refused("08P01", 'password authentication failed for user "x"'),
      "proxy.secret-stale",
    ],
    ["PgBouncer refuses by itself", refused("08P01", "SASL authentication failed"), "auth.rejected"],
    [
      "the proxy waits in vain",
      refused("XX000", "Timed-out waiting to acquire database connection"),
      "proxy.pool-exhausted",
    ],
    ["TLS is asked for", refused("28000", "This RDS Proxy requires TLS connections"), "tls.required"],
    ["the server starts", refused("57P03", "the database system is starting up"), "db.starting"],
    ["an error of its own", refused("XX001", "could not read block 0"), "db.failed"],
  ])("%s", (_, findings, code) => {
    expect(judge(findings).code).toBe(code);
  });

  test.each(["tls", "startup", "download"] as const)(
    "at %s: what a fresh connection does not repeat is loss",
    (step) => {
      const through = { steps: [{ name: step, ms: 1, detail: "" }] };
      expect(judge({ attempts: [failedAt(step, silence), through] }).code).toBe("path.lossy");
      expect(judge({ attempts: [failedAt(step, silence), failedAt("tcp", silence)] }).code).toBe("path.lossy");
    },
  );

  test("32 KB up that somebody acknowledged and nobody answers fit two causes, and both are named", () => {
    const { code, ranked } = judge(twice("upload", silence, calm));
    expect(code).toBe("ambiguous");
    expect(ranked?.map((one) => one.code)).toEqual(["path.flow-cut", "path.mtu-up"]);
  });

  test("a reset that a fresh connection does not see is no loss for certain", () => {
    const { code, ranked } = judge({ attempts: [failedAt("tls", reset), { steps: [] }] });
    expect(code).toBe("ambiguous");
    expect(ranked?.map((one) => one.code)).toEqual(["tls.reset", "path.lossy"]);
  });

  test("a fresh connection that waited longer and saw why is believed", () => {
    const down: Failure = { kind: "errno", errno: "EHOSTUNREACH", ms: 700 };
    expect(judge({ attempts: [failedAt("tcp", silence), failedAt("tcp", down)] }).code).toBe("tcp.host-down");
    expect(judge({ attempts: [failedAt("tls", silence), failedAt("tls", fin)] }).code).toBe("tls.closed");
  });

  test("a fresh connection that had no time left proves nothing", () => {
    const late = failedAt("dns", { kind: "out-of-time" });
    expect(judge({ attempts: [failedAt("tls", silence, calm), late] }).code).toBe("tls.stalled");
  });

  test("a fresh connection that our own others kept out proves nothing", () => {
    const report = { severity: "FATAL", sqlState: "53300", message: "too many connections for role" };
    const full = failedAt("ready", { kind: "refused", report, isPasswordProven: true });
    expect(judge({ attempts: [failedAt("query", silence, calm), full, full] }).code).toBe("proxy.pool-exhausted");
    expect(judge({ attempts: [failedAt("startup", silence, calm), full, full] }).code).toBe("db.too-many-connections");
    const stalled = failedAt("startup", silence, calm);
    expect(judge({ attempts: [stalled, stalled, failedAt("tcp", silence)] }).code).toBe("startup.stalled");
    const refusal: Failure = { kind: "errno", errno: "ECONNREFUSED", ms: 1 };
    expect(judge({ attempts: [stalled, stalled, failedAt("tcp", refusal)] }).code).toBe("startup.stalled");
    expect(judge({ attempts: [stalled, failedAt("tcp", refusal), failedAt("tcp", refusal)] }).code).toBe("tcp.refused");
    const lossy = failedAt("startup", silence, { ...calm, retransmits: 1 });
    expect(judge({ attempts: [lossy, lossy, failedAt("tcp", silence)] }).code).toBe("path.lossy");
  });

  test("a limit that is gone a moment later was our own connection's", () => {
    const report = { severity: "FATAL", sqlState: "53300", message: "too many connections for role" };
    const first = failedAt("parallel", { kind: "refused", report, isPasswordProven: true });
    expect(needsRepeat(first)).toBe(true);
    expect(judge({ attempts: [first, { steps: [] }] }).code).toBe("ok");
    expect(judge({ attempts: [first, first] }).code).toBe("parallel.limit");
  });

  test("what was slow once, and nothing was lost, is slow; several at a time may be", () => {
    const through = { steps: [] };
    expect(judge({ attempts: [failedAt("query", silence, calm), through] }).code).toBe("path.slow");
    expect(judge({ attempts: [failedAt("parallel", limit, calm), through] }).code).toBe("ok");
  });

  test("a share of packets that were sent again is told although everything passed; one or two are not", () => {
    expect(judge(well(2, 20)).code).toBe("ok");
    expect(judge(well(4, 100)).code).toBe("ok");
    expect(judge(well(4, 60)).code).toBe("path.lossy");
    expect(judge(well(4, 60)).evidence).toContain("of 60 packets 4");
  });

  test("every step can fail in every way, and there is a verdict for it", () => {
    for (const step of stepNames) {
      for (const failure of [silence, trickle, reset, fin]) {
        expect(judge(twice(step, failure)).summary).not.toBe("");
      }
    }
  });

  test("only what may be chance is looked at again", () => {
    expect(needsRepeat(failedAt("tls", silence))).toBe(true);
    expect(needsRepeat(failedAt("auth", { kind: "impostor" }))).toBe(false);
    expect(needsRepeat({ steps: [] })).toBe(false);
  });
});

describe("silence that proves nothing", () => {
  test("accuses nobody where a step before took half as long", () => {
    const hasty = doubtful("auth", { beforeMs: 700 });
    const { code, ranked, evidence } = judge({ attempts: [hasty, hasty] });
    expect(code).toBe("ambiguous");
    expect(ranked?.map((one) => one.code)).toEqual(["auth.stalled", "path.slow"]);
    expect(evidence).toContain("700 ms");
    expect(judge({ attempts: [hasty] }).code).toBe("ambiguous");
  });

  test("accuses nobody where this process did not run for most of it", () => {
    const starved = doubtful("query", { missedMs: 700 });
    expect(judge({ attempts: [starved, starved] }).code).toBe("ambiguous");
    expect(judge({ attempts: [starved, starved] }).evidence).toContain("its machine is busy");
    expect(judge({ attempts: [doubtful("query", { missedMs: 200 }, { kind: "out-of-time" })] }).code).toBe("ambiguous");
  });

  test("is standstill where the last bytes came no later than the way is slow", () => {
    const late: Failure = { kind: "timeout", lastBytesMs: 900 };
    expect(judge({ attempts: [doubtful("tls", { beforeMs: 100 }, late)] }).code).toBe("path.slow");
    expect(judge({ attempts: [doubtful("tls", { beforeMs: 600 }, late)] }).code).toBe("tls.stalled");
  });

  test("is none where bytes came near the end of the wait, however slow the way is", () => {
    const last: Failure = { kind: "timeout", lastBytesMs: 1000 };
    expect(judge({ attempts: [doubtful("tls", { beforeMs: 600 }, last)] }).code).toBe("path.slow");
  });

  test("accuses where one of the waits was none of these", () => {
    const starved = doubtful("query", { missedMs: 700 });
    expect(judge({ attempts: [starved, starved, doubtful("query", {})] }).code).toBe("proxy.pool-exhausted");
  });

  test("accuses nobody where the others had no time to end, and this process did not run for some of it", () => {
    const late = failedAt("ssl-request", { kind: "out-of-time" });
    expect(judge({ attempts: [doubtful("query", { missedMs: 200 }), late, late] }).code).toBe("ambiguous");
    expect(judge({ attempts: [doubtful("query", { missedMs: 20 }), late, late] }).code).toBe("proxy.pool-exhausted");
  });

  test("is no trouble where everything passed on fresh connections, unless packets were lost", () => {
    const starved = doubtful("query", { missedMs: 200 });
    expect(judge({ attempts: [starved, { steps: [] }] }).code).toBe("ok");
    expect(judge({ attempts: [starved, { steps: [], socket: { ...calm, retransmits: 1 } }] }).code).toBe("path.lossy");
  });

  test("is no loss where it strikes elsewhere the next time, and the kernel lost nothing", () => {
    const { code, ranked } = judge({
      attempts: [doubtful("query", { missedMs: 700 }), doubtful("ssl-request", {})],
    });
    expect(code).toBe("ambiguous");
    expect(ranked?.map((one) => one.code)).toEqual(["path.slow", "path.lossy"]);
  });

  test("is over where fresh connections came further, and what they found is believed", () => {
    const starved = doubtful("query", { missedMs: 300 });
    const further = [failedAt("download", reset), failedAt("download", reset)];
    expect(judge({ attempts: [starved, ...further] }).code).toBe("path.cut");
    expect(judge({ attempts: [doubtful("query", {}), ...further] }).code).toBe("path.lossy");
  });

  test("leaves what is no silence as it is", () => {
    expect(judge({ attempts: [doubtful("tls", { missedMs: 900 }, reset), failedAt("tls", reset)] }).code).toBe(
      "tls.reset",
    );
  });
});
