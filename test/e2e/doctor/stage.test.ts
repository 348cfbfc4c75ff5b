import { afterEach, beforeEach, expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { examineFromInside, type InsideOptions } from "#lib/doctor/inside.ts";
import type { Manifest } from "#lib/contract.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { runCommand } from "../../support/command-line.ts";
import { bastions, internal, startTunnelBench } from "../../support/tunnel-bench.ts";

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
});
afterEach(async () => {
  await stack.disposeAsync();
});

const database = { ...internal, name: "postgres", instanceId: "postern-local" };

/** Of a stage whose inspect function really walks to the database, with the login that it is given. */
async function examineStage(
  options: { manifest?: Partial<Manifest>; login?: InsideOptions["login"]; sql?: string } = {},
) {
  const inspect: Parameters<typeof startTunnelBench>[1] = ({ user, password, ...place }) => ({
    inspect: async () =>
      examineFromInside({
        place,
        login: options.login ?? (async () => ({ user, ...(password === undefined ? {} : { password }) })),
        signal: AbortSignal.timeout(20_000),
      }),
  });
  const bench = stack.use(await startTunnelBench({ database, ...options.manifest }, inspect));
  if (options.sql !== undefined) await bench.asSuperuser(options.sql);
  const { exitCode, json } = await runCommand(["doctor", "--json"], {
    env: { ...bench.env, POSTERN_TRANSPORT: "ssm" },
  });
  return { bench, exitCode, report: json() as DoctorReport };
}

function stepsOf({ probes }: DoctorReport, vantage: string) {
  return probes.filter((probe) => probe.vantage === vantage).map(({ name, ok }) => `${name} ${ok ? "ok" : "failed"}`);
}

test("a stage that is well is so from here, through the bastion and as a role that only reads, and from inside", async () => {
  const { bench, exitCode, report } = await examineStage();
  expect(report.verdict.code).toBe("ok");
  expect(exitCode).toBe(0);
  expect(stepsOf(report, "here").slice(0, 3)).toEqual(["transport ok", "login ok", "tcp ok"]);
  expect(stepsOf(report, "here").at(-1)).toBe("parallel ok");
  expect(stepsOf(report, "vpc").slice(0, 2)).toEqual(["dns ok", "tcp ok"]);
  expect(stepsOf(report, "vpc").at(-1)).toBe("parallel ok");
  const logins = report.probes.filter(({ name }) => name === "startup").map(({ detail }) => detail.split(";")[0]);
  expect(logins).toEqual([expect.stringMatching(/^as postern_readonly/u), expect.stringMatching(/^as /u)]);
  expect(JSON.stringify(report)).not.toContain(bench.passwords.readonly);
  expect(bench.gateway.sessions().filter(({ state }) => state !== "over")).toEqual([]);
});

test.each([
  ["alter role postern_readonly nologin", "auth.no-login", /LOGIN/u],
  ["alter role postern_readonly password 'another'", "auth.rejected", /postern setup/u],
  ["alter role postern_readonly connection limit 2", "parallel.limit", /role's limit/u],
  ["alter role postern_readonly connection limit 0", "db.too-many-connections", /role's limit/u],
])("after `%s` it is that login alone, and neither another server nor the path", async (sql, code, fix) => {
  const { report } = await examineStage({ sql });
  expect(report.verdict).toMatchObject({ code, fix: expect.stringMatching(fix) });
  expect(report.verdict.evidence).toContain("another role logs in and all works");
  expect(report.verdict.evidence).not.toContain("the path");
});

test("a bastion whose agent is away is the verdict, though the database is well from inside", async () => {
  const { exitCode, report } = await examineStage({ manifest: { bastions: [bastions.offline] } });
  expect(report.verdict).toMatchObject({
    code: "aws.agent-offline",
    evidence: expect.stringMatching(
      /ConnectionLost, not Online.*from here, transport: .*from inside the VPC, everything works/,
    ),
  });
  expect(exitCode).toBe(1);
  expect(stepsOf(report, "here")).toEqual(["transport failed"]);
  expect(stepsOf(report, "vpc").at(-1)).toBe("parallel ok");
});

test("a stage without a bastion is looked at from inside, and is well where that is", async () => {
  const { exitCode, report } = await examineStage({ manifest: { bastions: [] } });
  expect([report.verdict.code, exitCode]).toEqual(["ok", 0]);
  expect(report.probes.find(({ vantage }) => vantage === "here")).toMatchObject({
    warning: expect.stringContaining("no bastion"),
  });
  expect(stepsOf(report, "vpc").at(-1)).toBe("parallel ok");
});

test("a stage without a bastion whose function cannot be asked was not looked at, and is not called well", async () => {
  const bench = stack.use(await startTunnelBench({ database, bastions: [] }));
  const { exitCode, json } = await runCommand(["doctor", "--json"], {
    env: { ...bench.env, POSTERN_TRANSPORT: "ssm" },
  });
  expect(json()).toMatchObject({ verdict: { code: "aws.failed", evidence: expect.stringContaining("inspect: ") } });
  expect(exitCode).toBe(1);
});

test("a login that cannot be read is a finding, and keeps nobody from looking from inside", async () => {
  const { report } = await examineStage({ manifest: { secrets: { readonly: "postern/local/nowhere" } } });
  expect(report.verdict.code).toBe("secret.missing");
  expect(stepsOf(report, "here")).toEqual(["transport ok", "login failed"]);
  expect(stepsOf(report, "vpc").at(-1)).toBe("parallel ok");
});

test("inside, a secret that cannot be read leaves the walk to the certificate, and is the verdict", async () => {
  const { exitCode, report } = await examineStage({
    login: async () => {
      throw new PosternError("aws.failed", "Secrets Manager did not answer.");
    },
  });
  expect(stepsOf(report, "vpc")).toEqual([
    "dns ok",
    "tcp ok",
    "ssl-request ok",
    "tls ok",
    "certificate ok",
    "secret failed",
  ]);
  expect(report.verdict).toMatchObject({ code: "aws.failed", summary: "Secrets Manager did not answer." });
  expect(exitCode).toBe(1);
});

test("inside, a secret that gets no answer is AWS where EC2 says that the way out is well", async () => {
  const { report } = await examineStage({ login: async () => await new Promise(() => {}) });
  expect(stepsOf(report, "vpc").at(-1)).toBe("secret failed");
  expect(report.verdict.evidence).toContain("secret: Secrets Manager did not answer within 3 s");
  expect(report.verdict.code).toBe("aws.failed");
});

test("a function that cannot be asked is a finding, and keeps nobody from looking from here", async () => {
  const bench = stack.use(await startTunnelBench({ database }));
  const { json } = await runCommand(["doctor", "--json"], { env: { ...bench.env, POSTERN_TRANSPORT: "ssm" } });
  const report = json() as DoctorReport;
  expect(stepsOf(report, "vpc")).toEqual(["inspect failed"]);
  expect(stepsOf(report, "here").at(-1)).toBe("parallel ok");
});
