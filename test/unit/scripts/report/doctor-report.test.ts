import { expect, test } from "vitest";
import { report, stage, steps, url } from "../../../support/doctor-reports.ts";
import { describeChange, describeDoctorReport } from "../../../../scripts/report/doctor-report.ts";
import { createStyle, plainStyle } from "../../../../scripts/style.ts";

const wide = { style: plainStyle, columns: Number.POSITIVE_INFINITY };
const broken = report("tls.stalled", steps("here", "tcp !tls"));

test("one vantage is a ladder, and then the verdict with its proof and its fix", () => {
  expect(describeDoctorReport(broken, { ...wide, target: url })).toBe(
    `From here  this machine → ✗ PostgreSQL db.example:5432
  ✓ tcp  1 ms  of tcp
  ✗ tls  2 ms  of tls

tls.stalled  The server says yes to TLS and then nothing. (42 ms)
seen  what was seen
fix   Look at the server: it accepted and hangs.`,
  );
});

test("a warning stands below its step; what is well needs no fix", () => {
  const well = report("ok", [
    ...steps("here", "tcp"),
    ...steps("here", "certificate", { warning: "It expires within 3 days: renew it before." }),
  ]);
  const lines = describeDoctorReport(well, { ...wide, target: url }).split("\n");
  expect(lines[0]).toBe("From here  this machine → ! PostgreSQL db.example:5432");
  expect(lines[2]).toBe("  ! certificate  1 ms  of certificate");
  expect(lines[3]).toBe("                       It expires within 3 days: renew it before.");
  expect(lines.join("\n")).not.toContain("fix");
});

test("a step that was not asked for is said once", () => {
  const skipped = "not looked at: ec2:DescribeInstances is not allowed";
  const asked = steps("aws", "instances");
  const found = report(
    "ok",
    asked.map((step) => Object.assign({}, step, { detail: skipped, warning: skipped })),
  );
  const text = describeDoctorReport(found, { ...wide, target: stage });
  expect(text.split(skipped)).toHaveLength(2);
  expect(text).toContain("  ! instances");
});

test("of several vantages each says whose steps follow, those through the proxy by themselves", () => {
  const found = report("ok", steps("here", "transport tcp"), steps("vpc", "tcp"), steps("vpc", "tcp", { to: "proxy" }));
  const headings = describeDoctorReport(found, { ...wide, target: stage })
    .split("\n")
    .filter((line) => line.startsWith("From"));
  expect(headings).toEqual([
    "From here  this machine → Session Manager → bastion i-0123456789abcdef0 → database",
    "From inside the VPC  inspect function → database",
    "From inside the VPC, through the proxy  inspect function → RDS Proxy → database",
  ]);
});

test("ranked causes say what would settle them", () => {
  const ranked = [{ code: "path.slow", settle: "try another network" }];
  const text = describeDoctorReport({ ...broken, verdict: { ...broken.verdict, ranked } }, { ...wide, target: url });
  expect(text).toContain("or    path.slow: to settle it, try another network");
});

test.each([40, 80])("nothing is wider than a terminal of %i columns", (columns) => {
  const found = report("tls.stalled", steps("here", "tcp !tls", { detail: "a word after the other ".repeat(9) }));
  const lines = describeDoctorReport(found, { style: plainStyle, columns, target: url }).split("\n").slice(1);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
});

test("a stranger's text steers no terminal, and its colours are not ours", () => {
  const found = report("db.failed", steps("here", "!tcp", { detail: "\u001b[32m✓ fine\u001b[0m \u202eko\u0007" }));
  const text = describeDoctorReport(found, { style: createStyle(), columns: 80, target: url });
  for (const steering of ["\u001b[32m", "\u202e", "\u0007"]) expect(text).not.toContain(steering);
  expect(text).toContain("\\x1b[32m✓ fine\\x1b[0m \\u{202e}ko\\x07");
});

test("so are those of a host that somebody pasted", () => {
  const target = { ...url, host: "db\u001b[31m\nok  All is well" };
  const [heading] = describeDoctorReport(broken, { ...wide, target }).split("\n");
  expect(heading).toContain("PostgreSQL db\\x1b[31m ok All is well:5432");
});

test("a change says when, from what, to what, and why", () => {
  const [first, second, ...rest] = describeChange("ok", broken, new Date("2026-11-30T10:20:30Z"), wide).split("\n");
  expect(first).toBe("2026-11-30 10:20:30 UTC  ok → tls.stalled");
  expect(second).toBe("tls.stalled  The server says yes to TLS and then nothing. (42 ms)");
  expect(rest.map((line) => line.slice(0, 4))).toEqual(["seen", "fix "]);
});
