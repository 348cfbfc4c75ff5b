import { expect, test } from "vitest";
import { proxyLogGroup } from "#lib/contract.ts";
import { readProxyLog } from "#lib/control-plane/proxy-log.ts";
import { judgeStage } from "#lib/doctor/judge-stage.ts";
import { judgeControlPlane } from "#lib/doctor/control-plane/judge.ts";
import { describeVerdict, type VerdictCode } from "#lib/doctor/verdicts.ts";
import { createLogStore, type LogStore } from "#lib/local/aws/log-store.ts";
import { noResources } from "#lib/local/aws/resources.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { region, startTestEndpoint } from "../../support/aws-endpoint.ts";
import { startAwsStandIn } from "../../support/control-plane/aws-stand-in.ts";
import { controlPlaneFacts, manifest } from "../../support/control-plane/control-plane-facts.ts";
import { known } from "../../support/control-plane/network-facts.ts";

const signal = AbortSignal.timeout(60_000);
const now = new Date();
const minutesAgo = (minutes: number) => new Date(now.getTime() - minutes * 60_000);
const refusal = '[dbConnection=1] password authentication failed for user "postern_health"';

async function openLog(logs: LogStore, deniedActions: readonly string[] = []) {
  const endpoint = await startTestEndpoint({ logs, model: { read: () => ({ ...noResources, deniedActions }) } });
  const { endpoint: url, credentials } = endpoint.config();
  const access: AwsAccess = { source: "local-stage", endpoint: url, region, credentials };
  return { access, [Symbol.asyncDispose]: async () => endpoint[Symbol.asyncDispose]() };
}

function storeOf(...lines: readonly (readonly [Date, string])[]): LogStore {
  const logs = createLogStore();
  const group = proxyLogGroup("postern-dev");
  logs.make(group);
  for (const [at, message] of lines) logs.write(group, { at, message });
  return logs;
}

test("the newest lines that have a phrase in them are read, and at most three pages of them", async () => {
  const many = Array.from({ length: 400 }, (_, index) => [new Date(now.getTime() + index), `failed ${index}`] as const);
  await using log = await openLog(storeOf([minutesAgo(9), "failed long ago"], [now, "else"], ...many));
  const question = { proxy: "postern-dev", since: minutesAgo(5), phrases: ["failed", "couldn't"] };
  const fact = await readProxyLog(question, { access: log.access, signal });
  const messages = fact.kind === "known" ? (fact.value ?? []).map(({ message }) => message) : [];
  expect([messages.length, messages[0], messages.at(-1)]).toEqual([300, "failed 399", "failed 100"]);
});

test("an empty page is followed, and pages without end are not", async () => {
  let pages = 0;
  await using aws = await startAwsStandIn((_, response) => {
    pages += 1;
    response.writeHead(200, { "content-type": "application/x-amz-json-1.1" });
    const events = pages === 2 ? [{ timestamp: 1, message: "failed" }] : [];
    response.end(JSON.stringify({ events, nextToken: `page ${pages}` }));
  });
  const question = { proxy: "postern-dev", since: minutesAgo(5), phrases: ["failed"] };
  const fact = await readProxyLog(question, { access: aws.access, signal });
  expect([fact.kind === "known" && fact.value?.length, pages]).toEqual([1, 3]);
});

test("a proxy that never wrote has no log, which is no failure", async () => {
  await using log = await openLog(createLogStore());
  const question = { proxy: "postern-dev", since: minutesAgo(5), phrases: ["failed"] };
  expect(await readProxyLog(question, { access: log.access, signal })).toMatchObject({
    kind: "known",
    value: undefined,
  });
});

function report(code: VerdictCode): DoctorReport {
  const { summary, fix } = describeVerdict(code);
  return {
    verdict: { code, summary, fix, ...(code === "ok" ? {} : { evidence: "ready: no answer" }) },
    probes: [],
    ms: 1,
  };
}

/** As the command line does it: from here all is well, inside as it is said. */
async function judgeOn(
  access: AwsAccess,
  inside: VerdictCode,
  proxy: VerdictCode,
  facts = controlPlaneFacts(),
  since = new Date(),
) {
  const vpc = { ...report(inside), proxy: report(proxy) };
  const vantages = { here: report("ok"), vpc, aws: judgeControlPlane(manifest, facts, now) };
  const walk = { since, role: "postern_health", secret: "postern/dev/health" };
  const { verdict, aws } = await judgeStage(vantages, { manifest, access, signal, walk });
  return { verdict, probe: aws.probes.find(({ name }) => name === "proxy-log"), unknown: aws.unknown };
}

test("a proxy that is silent, and whose log says why, is told with that", async () => {
  await using log = await openLog(storeOf([new Date(), refusal]));
  const { verdict, probe } = await judgeOn(log.access, "ok", "proxy.pool-exhausted");
  expect(verdict.code).toBe("proxy.secret-stale");
  expect(verdict.evidence).toMatch(
    /^the proxy's log at .*"postern_health"; from inside .*without it the database is well$/u,
  );
  expect(probe).toMatchObject({ ok: true, warning: expect.stringContaining("password authentication failed") });
});

test("a line that comes a moment late is still found", async () => {
  const logs = storeOf();
  await using log = await openLog(logs);
  setTimeout(() => logs.write(proxyLogGroup("postern-dev"), { at: new Date(), message: refusal }), 300);
  expect((await judgeOn(log.access, "ok", "proxy.pool-exhausted")).verdict.code).toBe("proxy.secret-stale");
});

test("a walk that took longer than lines take to come is asked about once", async () => {
  let asked = 0;
  await using aws = await startAwsStandIn((_, response) => {
    asked += 1;
    response.writeHead(200, { "content-type": "application/x-amz-json-1.1" });
    response.end(JSON.stringify({ events: [] }));
  });
  const { probe } = await judgeOn(aws.access, "ok", "auth.stalled", controlPlaneFacts(), minutesAgo(1));
  expect(probe?.detail).toMatch(/^says nothing of a failure;/u);
  expect(asked).toBe(1);
});

test("what the log said before the walk is shown, and decides nothing", async () => {
  await using log = await openLog(
    storeOf([minutesAgo(2), refusal], [minutesAgo(3), refusal], [minutesAgo(9), refusal]),
  );
  const { verdict, probe } = await judgeOn(log.access, "ok", "auth.stalled");
  expect(verdict.code).toBe("auth.stalled");
  expect(probe?.warning).toMatch(/"postern_health" \(2 times\)$/u);
});

test("a target that is unavailable has the log's words beside RDS's", async () => {
  await using log = await openLog(storeOf([new Date(), refusal]));
  const targets = known([{ id: "postern-dev", state: "UNAVAILABLE", reason: "AUTH_FAILURE" }]);
  const facts = controlPlaneFacts({ proxy: { targets } });
  const { verdict } = await judgeOn(log.access, "ok", "endpoint.silent", facts);
  expect(verdict).toMatchObject({ code: "aws.proxy-target", fix: expect.stringContaining("postern setup") });
  expect(verdict.evidence).toMatch(/AUTH_FAILURE.*; the proxy's log at /u);
});

test("a log that may not be read, or is not there, leaves the verdict as it is, and says so", async () => {
  await using refused = await openLog(storeOf([new Date(), refusal]), ["logs:FilterLogEvents"]);
  const { verdict, probe } = await judgeOn(refused.access, "ok", "proxy.pool-exhausted");
  expect(verdict.code).toBe("proxy.pool-exhausted");
  expect(verdict.evidence).toContain("not looked at: logs:FilterLogEvents is not allowed");
  expect(probe).toMatchObject({ ok: true, warning: "not looked at: logs:FilterLogEvents is not allowed" });
  await using none = await openLog(createLogStore());
  expect((await judgeOn(none.access, "ok", "proxy.pool-exhausted")).probe?.detail).toBe("there is none");
});

test.each([
  ["all is well", "ok", "ok"],
  ["the database itself is broken", "db.starting", "proxy.pool-exhausted"],
  ["both are broken alike", "tls.reset", "tls.reset"],
] as const)("where %s the log is not read", async (_, inside, proxy) => {
  let asked = 0;
  await using aws = await startAwsStandIn((_request, response) => {
    asked += 1;
    response.end("{}");
  });
  const { verdict, probe } = await judgeOn(aws.access, inside, proxy);
  expect([verdict.code, probe, asked]).toEqual([inside, undefined, 0]);
});
