import { describe, expect, test } from "vitest";
import { renderPage } from "#lib/doctor/report/html/page.ts";
import { verdictPage } from "#lib/doctor/report/verdict-page.ts";
import type { ReportTarget } from "#lib/doctor/report/target.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { report, stage, steps, url, whole } from "../../../../support/doctor-reports.ts";

const at = new Date("2026-11-30T10:20:30Z");

function render(found: DoctorReport, target: ReportTarget = url): string {
  return renderPage({ report: found, target, at, version: "0.1.0", isUnmasked: false });
}

test("it says what is broken, where, since when, and what to do", () => {
  const page = renderPage({
    report: report("ssm.agent-offline", steps("here", "!transport"), steps("vpc", whole)),
    target: stage,
    at,
    version: "0.1.0 (abc)",
    isUnmasked: false,
    explanation: verdictPage("ssm.agent-offline"),
  });
  for (const text of [
    "<h1>The agent on the bastion does not answer Session Manager.</h1>",
    "2026-11-30 10:20:30 UTC",
    "Postern doctor · stage dev",
    "Reboot the instance",
    "what was seen",
    "0.1.0 (abc)",
    "About <code>ssm.agent-offline</code>",
    'aria-label="From here: this machine: works; Session Manager: works; bastion: broken; database: not seen.',
  ]) {
    expect(page).toContain(text);
  }
});

test("it asks nobody for anything: no script, no address, no style of an element's own", () => {
  const page = render(report("ok", steps("here", whole)));
  expect(page).not.toMatch(/<script|<link|<img|<iframe|<object|\bstyle=|\bon[a-z]+=|url\(|@import|https?:/iu);
  expect(page).toContain("default-src &#39;none&#39;; style-src &#39;sha256-");
});

function tagsOf(page: string): Set<string> {
  return new Set(Array.from(page.matchAll(/<\/?[a-z!]+/giu), ([tag]) => tag));
}

describe("a stranger's text stays text", () => {
  const hostile = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "javascript:alert(1)",
    "<!-- --><a href=javascript:alert(1)>x</a>",
    "]]><b>",
    "&lt;b&gt;&amp;",
    "\u202egnp.exe\u001b[31m\u0000",
    "${alert(1)}`",
  ];
  test.each(hostile)("%j", (text) => {
    const found = report("db.failed", steps("here", "dns !tcp", { detail: text, warning: text, name: text }));
    const verdict = { code: text, summary: text, fix: text, evidence: text, ranked: [{ code: text, settle: text }] };
    const page = render({ ...found, verdict }, { ...url, name: text, host: text });
    const harmless = render(report("db.failed", steps("here", "dns !tcp", { warning: "x" })));
    // The same elements as ever, and the list of causes.
    expect([...tagsOf(page).difference(tagsOf(harmless))].toSorted()).toEqual(["</li", "</ul", "<li", "<ul"]);
    expect(page).not.toMatch(/<[^>]*\son[a-z]+=/iu);
    for (const steering of ["\0", "\u001b", "\u202e"]) expect(page).not.toContain(steering);
  });
});
