import { expect, test } from "vitest";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import type { TunnelRecord } from "#lib/tunnel/registry/record.ts";
import {
  describeTunnel,
  describeTunnelEvent,
  describeTunnelLine,
  describeTunnels,
} from "../../../../scripts/report/tunnel-report.ts";
import { plainStyle } from "../../../../scripts/style.ts";

const at = "2026-01-01T00:00:00.000Z";
const later = (seconds: number) => new Date(Date.parse(at) + seconds * 1000);
const reason = { code: "ssm.agent-offline", message: "No bastion is online.", hint: "Reboot it." } as const;
const record: TunnelRecord = {
  pid: 4711,
  startedAt: "then",
  name: "dev",
  kind: "stage",
  transport: "ssm",
  route: "db.internal:5432 through i-0abc",
  host: "127.0.0.1",
  port: 20_001,
  database: { host: "db.internal", port: 5432 },
  isDetached: true,
  since: at,
  state: "up",
  stateSince: at,
  reconnects: 1,
  connections: 2,
  bytesUp: 999,
  bytesDown: 12_345_678,
  roundTripMs: 7.4,
};

test("one line says where it is, what goes through it and for how long", () => {
  expect(describeTunnelLine(record, later(125))).toBe(
    "up 2 min · 127.0.0.1:20001 → db.internal:5432 · 2 connections, 999 B up, 12.3 MB down · 7 ms · 1 reconnect",
  );
});

test("one that is not up says why, and what to do", () => {
  const lost: TunnelRecord = { ...record, state: "reconnecting", reason };
  expect(describeTunnelLine(lost, later(3))).toContain("reconnecting 3 s · ");
  expect(describeTunnelLine(lost, later(3))).toMatch(/ · No bastion is online\.$/u);
  expect(describeTunnel(lost, later(90_000), plainStyle).split("\n")).toEqual(
    expect.arrayContaining([
      "state       reconnecting for 25 h 0 min",
      "reason      No bastion is online. [ssm.agent-offline]",
      "Reboot it.",
    ]),
  );
});

test("the list has a row for each, also for one that does not listen yet", () => {
  const { host: _host, port: _port, ...starting } = record;
  const rows = describeTunnels([record, { ...starting, state: "connecting", isDetached: false }], later(1), plainStyle);
  expect(rows.split("\n")).toEqual([
    "dev  up          127.0.0.1:20001  db.internal:5432 through i-0abc  detached    pid 4711  1 s",
    "dev  connecting  -                db.internal:5432 through i-0abc  foreground  pid 4711  1 s",
  ]);
  expect(describeTunnels([], later(1), plainStyle)).toBe("no tunnel is running");
});

test.each<[TunnelEvent, string | undefined]>([
  [{ event: "listening", host: "127.0.0.1", port: 1, at }, "listening on 127.0.0.1:1"],
  [{ event: "up", reconnects: 0, ms: 840, at }, "up in 840 ms"],
  [{ event: "up", reconnects: 2, ms: 2840, at }, "up again after 2.8 s"],
  [{ event: "degraded", reason, at }, "the database does not answer: No bastion is online."],
  [{ event: "down", reason, at }, "down: No bastion is online. [ssm.agent-offline]"],
  [{ event: "reconnecting", attempt: 1, delayMs: 0, reason, at }, "reconnecting"],
  [
    { event: "reconnecting", attempt: 3, delayMs: 400, reason, at },
    "attempt 3 in 400 ms: No bastion is online. [ssm.agent-offline]",
  ],
  [{ event: "maxRetriesExceeded", attempts: 4, reason, at }, "gave up after 4 attempts"],
  [{ event: "closed", at }, "closed"],
  [{ event: "closed", reason, at }, undefined],
])("%j is %j", (event, text) => {
  expect(describeTunnelEvent(event)).toBe(text);
});

test("an IPv6 address stands in brackets wherever a port follows", () => {
  const listening: TunnelEvent = { event: "listening", at, host: "::", port: 20_604 };
  expect(describeTunnelEvent(listening)).toBe("listening on [::]:20604");
  const database = { host: "fd00::5", port: 5432 };
  const bound: TunnelRecord = { ...record, host: "::", database };
  expect(describeTunnelLine(bound, later(1))).toContain("[::]:20001 → [fd00::5]:5432");
  expect(describeTunnels([bound], later(1), plainStyle)).toContain("  [::]:20001  ");
  expect(describeTunnel(bound, later(1), plainStyle)).toContain("[::]:20001\n");
});
