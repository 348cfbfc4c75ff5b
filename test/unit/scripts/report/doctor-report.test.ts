import { expect, test } from "vitest";
import type { ProbeReport } from "#lib/protocol.ts";
import { describeDoctorReport } from "../../../../scripts/report/doctor-report.ts";
import { plainStyle } from "../../../../scripts/style.ts";

const passed: ProbeReport = { name: "tcp", vantage: "here", ok: true, ms: 3, detail: "connected" };
const failed: ProbeReport = { name: "tls", vantage: "here", ok: false, ms: 1300, detail: "no answer in time" };
const inside: ProbeReport = { ...passed, vantage: "vpc" };
const verdict = { code: "tls.stalled", summary: "The server hangs.", fix: "Look at it.", evidence: "tls: no answer" };

test("one vantage is a ladder, and then the verdict with its proof and its fix", () => {
  expect(describeDoctorReport({ verdict, probes: [passed, failed], ms: 1400 }, plainStyle)).toBe(
    `✓  tcp  3 ms     connected
✗  tls  1300 ms  no answer in time

tls.stalled  The server hangs. (1400 ms)
seen  tls: no answer
fix   Look at it.`,
  );
});

test("of several vantages each says whose steps follow", () => {
  const lines = describeDoctorReport({ verdict, probes: [passed, failed, inside], ms: 1 }, plainStyle).split("\n");
  expect(lines.slice(0, 5)).toEqual([
    "from here",
    expect.stringContaining("tcp"),
    expect.stringContaining("tls"),
    "from inside the VPC",
    expect.stringContaining("tcp"),
  ]);
});

test("ranked causes say what would settle them, and what is well needs no fix", () => {
  const ranked = [{ code: "path.slow", settle: "try another network" }];
  const text = describeDoctorReport({ verdict: { ...verdict, ranked }, probes: [failed], ms: 1 }, plainStyle);
  expect(text).toContain("path.slow: to settle it, try another network");
  const well = { code: "ok", summary: "All is well.", fix: "Nothing to do." };
  expect(describeDoctorReport({ verdict: well, probes: [passed], ms: 1 }, plainStyle)).not.toContain("fix");
});
