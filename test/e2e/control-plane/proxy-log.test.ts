import type { IncomingMessage, ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { Clock } from "#lib/base/clock.ts";
import { proxyLogGroup } from "#lib/contract.ts";
import type { ControlPlaneFacts } from "#lib/control-plane/read-control-plane.ts";
import { valueOf } from "#lib/control-plane/fact.ts";
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
import { createDrivenClock } from "../../support/driven-clock.ts";
import { waitFor } from "../../support/wait-for.ts";

const signal = AbortSignal.timeout(60_000);
const now = createDrivenClock().wallTime();
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
  await using opened = await openLog(storeOf([minutesAgo(9), "failed long ago"], [now, "else"], ...many));
  const question = { proxy: "postern-dev", since: minutesAgo(5), phrases: ["failed", "couldn't"] };
  const fact = await readProxyLog(question, { access: opened.access, signal });
  const log = valueOf(fact);
  const messages = log?.lines.map(({ message }) => message) ?? [];
  expect([messages.length, messages[0], messages.at(-1)]).toEqual([300, "failed 399", "failed 100"]);
  expect(log?.isWhole).toBe(false);
});

const question = { proxy: "postern-dev", since: minutesAgo(5), phrases: ["failed"] };

/** Answers as `pages` say, one after the other and the last one for ever; undefined: never. */
async function startPages(pages: readonly (Page | undefined)[]) {
  const asked: (string | undefined)[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { nextToken } = (await json(request)) as { nextToken?: string };
    asked.push(nextToken);
    const number = Number(nextToken ?? 0);
    const page = pages[Math.min(number, pages.length - 1)];
    if (page === undefined) return;
    response.writeHead(page.status ?? 200, { "content-type": "application/x-amz-json-1.1" });
    const events = (page.messages ?? []).map((message) => ({ timestamp: 1, message }));
    response.end(JSON.stringify({ events, nextToken: page.isLast === true ? undefined : `${number + 1}` }));
  };
  const aws = await startAwsStandIn((request, response) => void answer(request, response));
  return { ...aws, asked };
}

type Page = { readonly messages?: readonly string[]; readonly isLast?: true; readonly status?: number };

test("an empty page is followed, and pages without end are not: the log is not whole then", async () => {
  await using aws = await startPages([{}, { messages: ["failed"] }, {}]);
  const fact = await readProxyLog(question, { access: aws.access, signal });
  expect(fact).toMatchObject({ kind: "known", value: { lines: [{ message: "failed" }], isWhole: false } });
  expect(aws.asked).toEqual([undefined, "1", "2"]);
  await using whole = await startPages([{}, { messages: ["failed"] }, { isLast: true }]);
  expect(await readProxyLog(question, { access: whole.access, signal })).toMatchObject({ value: { isWhole: true } });
});

test.each([
  ["is refused", { status: 400 }],
  ["does not come within the limit", undefined],
])("what was read stays where a page behind it %s", async (_, third) => {
  await using aws = await startPages([{ messages: ["failed 1"] }, { messages: ["failed 2"] }, third]);
  let fact;
  // Until the limit is long enough for two pages on this machine.
  for (let limitMs = 250; !aws.asked.includes("2"); limitMs *= 2) {
    fact = await readProxyLog(question, { access: aws.access, signal, limitMs });
  }
  expect(fact).toMatchObject({
    kind: "known",
    value: { lines: [{ message: "failed 1" }, { message: "failed 2" }], isWhole: false },
  });
});

test("a log whose first page does not come is not known, and one that nobody wants any more ends by an exception", async () => {
  await using aws = await startPages([undefined]);
  const silent = await readProxyLog(question, { access: aws.access, signal, limitMs: 50 });
  expect(silent).toMatchObject({ kind: "unknown", because: "logs:FilterLogEvents was not answered within 0.05 s" });
  const stop = new AbortController();
  await using second = await startPages([{ messages: ["failed"] }, undefined]);
  const reading = readProxyLog(question, { access: second.access, signal: stop.signal, limitMs: 30_000 });
  void waitFor("the second page is asked for", () => second.asked.includes("1")).then(() =>
    stop.abort(new Error("enough")),
  );
  await expect(reading).rejects.toThrow("enough");
});

test("a proxy that never wrote has no log, which is no failure", async () => {
  await using log = await openLog(createLogStore());
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

type Scene = { readonly facts?: ControlPlaneFacts; readonly since?: Date; readonly clock?: Clock };

/** As the command line does it: from here all is well, inside as it is said. */
async function judgeOn(
  access: AwsAccess,
  inside: VerdictCode,
  proxy: VerdictCode,
  { facts = controlPlaneFacts(), since = now, clock = createDrivenClock() }: Scene = {},
) {
  const vpc = { ...report(inside), proxy: report(proxy) };
  const vantages = { here: report("ok"), vpc, aws: judgeControlPlane(manifest, facts, now) };
  const walk = { since, role: "postern_health", secret: "postern/dev/health" };
  const { verdict, aws } = await judgeStage(vantages, { manifest, access, signal, walk, clock });
  return { verdict, probe: aws.probes.find(({ name }) => name === "proxy-log"), unknown: aws.unknown };
}

test("a proxy that is silent, and whose log says why, is told with that", async () => {
  await using log = await openLog(storeOf([now, refusal]));
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
  const driven = createDrivenClock();
  const clock: Clock = {
    ...driven,
    sleep: async (ms, stop) => {
      await driven.sleep(ms, stop);
      logs.write(proxyLogGroup("postern-dev"), { at: driven.wallTime(), message: refusal });
    },
  };
  expect((await judgeOn(log.access, "ok", "proxy.pool-exhausted", { clock })).verdict.code).toBe("proxy.secret-stale");
  expect(driven.nowMs()).toBe(3000);
});

test("where the second look fails, what the first one found stays", async () => {
  let looks = 0;
  await using aws = await startAwsStandIn((_, response) => {
    looks += 1;
    response.writeHead(looks === 1 ? 200 : 400, { "content-type": "application/x-amz-json-1.1" });
    const event = { timestamp: minutesAgo(2).getTime(), message: refusal };
    response.end(JSON.stringify(looks === 1 ? { events: [event] } : { __type: "AccessDeniedException" }));
  });
  const { probe, unknown } = await judgeOn(aws.access, "ok", "auth.stalled");
  expect(looks).toBe(2);
  expect(probe?.warning).toMatch(/password authentication failed for user "postern_health"$/u);
  expect(unknown).toEqual([]);
});

test("a walk that took longer than lines take to come is asked about once", async () => {
  await using aws = await startPages([{ isLast: true }]);
  const { probe } = await judgeOn(aws.access, "ok", "auth.stalled", { since: minutesAgo(1) });
  expect(probe?.detail).toMatch(/^says nothing of a failure;/u);
  expect(probe?.warning).toBeUndefined();
  expect(aws.asked).toHaveLength(1);
});

test("a log that was not read to its end is told so, whether it says something or not", async () => {
  await using silent = await startPages([{}]);
  const { probe } = await judgeOn(silent.access, "ok", "auth.stalled", { since: minutesAgo(1) });
  expect(probe).toMatchObject({ ok: true, warning: "not read to its end: what was read says nothing of a failure" });
  await using loud = await startPages([{ messages: [refusal] }, {}]);
  const said = await judgeOn(loud.access, "ok", "auth.stalled", { since: minutesAgo(1) });
  expect(said.probe?.warning).toMatch(/^not read to its end: .*"postern_health"$/u);
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
  await using log = await openLog(storeOf([now, refusal]));
  const targets = known([{ id: "postern-dev", state: "UNAVAILABLE", reason: "AUTH_FAILURE" }]);
  const facts = controlPlaneFacts({ proxy: { targets } });
  const { verdict } = await judgeOn(log.access, "ok", "endpoint.silent", { facts });
  expect(verdict).toMatchObject({ code: "aws.proxy-target", fix: expect.stringContaining("postern setup") });
  expect(verdict.evidence).toMatch(/AUTH_FAILURE.*; the proxy's log at /u);
});

test("a log that may not be read, or is not there, leaves the verdict as it is, and says so", async () => {
  await using refused = await openLog(storeOf([now, refusal]), ["logs:FilterLogEvents"]);
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
