import { expect, test } from "vitest";
import { createAuthority, createServerCertificate } from "#lib/base/certificates.ts";
import { examineBothFromInside } from "#lib/doctor/inside.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { runCommand } from "../../support/command-line.ts";
import { serverError } from "../../support/faults/server-error.ts";
import { startTerminatingProxy } from "../../support/faults/terminating-proxy.ts";
import { internal, startTunnelBench } from "../../support/tunnel-bench.ts";

const database = { ...internal, name: "postgres", instanceId: "postern-local" };

/** Doctor's report of a stage whose instance is well, and whose proxy speaks as RDS Proxy does; without words it is well, too. */
async function examineStage(words?: string): Promise<DoctorReport> {
  await using stack = new AsyncDisposableStack();
  const authority = await createAuthority("Proxy authority", new Date());
  const certificate = await createServerCertificate(authority, ["127.0.0.1"], new Date());
  const act = { kind: "send", bytes: serverError("28000", words ?? ""), thenClose: true } as const;
  const inspect = (address: DatabaseAddress) => ({
    inspect: async () => {
      const fault = words === undefined ? {} : { fault: { point: { at: "startup" } as const, act } };
      await using proxy = await startTerminatingProxy({ server: address, certificate, ...fault });
      const through = { ...address, host: "127.0.0.1", port: proxy.port, ca: [authority.certificate] };
      return await examineBothFromInside({
        database: walkTo(address),
        proxy: walkTo(through),
        signal: AbortSignal.timeout(20_000),
      });
    },
  });
  const bench = stack.use(await startTunnelBench({ database }, inspect));
  const { json } = await runCommand(["doctor", "--json"], { env: { ...bench.env, POSTERN_TRANSPORT: "ssm" } });
  return json() as DoctorReport;
}

function walkTo({ user, password = "", ...place }: DatabaseAddress) {
  // oxlint-disable-next-line typescript/require-await -- a function's login has to be read
  return { place, login: async () => ({ user, password }) };
}

const lastOf = ({ probes }: DoctorReport, to: string) =>
  probes.findLast((probe) => probe.vantage === "vpc" && probe.to === to);

test("a stage is walked to the instance and to the proxy, and is well where both are", async () => {
  const report = await examineStage();
  expect(report.verdict.code).toBe("ok");
  expect(lastOf(report, "database")).toMatchObject({ name: "parallel", ok: true });
  expect(lastOf(report, "proxy")).toMatchObject({ name: "parallel", ok: true });
});

test("a proxy without a secret for the role is the verdict, though the database is well from both sides", async () => {
  const report = await examineStage("This RDS proxy has no credentials for the role postern_health. Check them.");
  expect(report.verdict).toMatchObject({
    code: "proxy.missing-secret",
    evidence: expect.stringContaining("without it the database is well"),
  });
  expect(lastOf(report, "database")).toMatchObject({ name: "parallel", ok: true });
  expect(lastOf(report, "proxy")).toMatchObject({ name: "startup", ok: false });
});
