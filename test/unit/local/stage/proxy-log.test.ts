import { expect, test } from "vitest";
import { proxyLogGroup, proxyName } from "#lib/contract.ts";
import { readProxySayings } from "#lib/doctor/control-plane/proxy-sayings.ts";
import { createLogStore } from "#lib/local/aws/log-store.ts";
import { settle } from "#lib/local/aws/settle.ts";
import { type BreakName, breaks } from "#lib/local/stage/breaks/breaks.ts";
import { describeResources } from "#lib/local/stage/description.ts";
import { openProxyLog } from "#lib/local/stage/proxy-log.ts";
import type { ProxyEvent } from "#lib/local/proxy/relay.ts";
import { createSteppedClock } from "../../../support/stepped-clock.ts";

const proxy = proxyName("local");
const clock = createSteppedClock();
const healthy = describeResources(
  {
    stage: "local",
    region: "local",
    database: { host: "127.0.0.1", port: 54_320, name: "postern", caFile: "/data/ca.pem", version: 18 },
    aws: { url: "http://127.0.0.1:54321", accessKeyId: "id", secretAccessKey: "key" },
  },
  clock.wallTime(),
);

/** What the doctor reads in the log, after this has happened to a proxy that is broken so. */
function sayingsAfter(event: ProxyEvent, name?: BreakName) {
  const logs = createLogStore();
  const context = { stage: "local", now: clock.wallTime() };
  const resources = name === undefined ? healthy : settle(breaks[name].apply(healthy, context));
  openProxyLog({ proxy, logs, resources: () => resources, clock })(event);
  return readProxySayings(logs.read(proxyLogGroup(proxy)) ?? []).map(({ kind, role }) => [kind, role]);
}

test("a proxy that cannot log in says so of each of its logins, whenever somebody waits", () => {
  expect(sayingsAfter("waits", "proxy-target")).toEqual([
    ["password-refused", "postern_app"],
    ["password-refused", "postern_health"],
  ]);
});

test("one whose database does not listen says nothing of logins", () => {
  expect(sayingsAfter("waits", "database-stopped")).toEqual([]);
});

test("who has waited in vain is in the log, whatever the reason", () => {
  expect(sayingsAfter("timed-out")).toEqual([["timed-out", undefined]]);
});

test("a proxy that never had anything to say has a log all the same", () => {
  const logs = createLogStore();
  openProxyLog({ proxy, logs, resources: () => healthy, clock });
  expect(logs.read(proxyLogGroup(proxy))).toEqual([]);
});
