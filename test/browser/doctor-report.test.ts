import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderPage } from "#lib/doctor/report/html/page.ts";
import type { ReportTarget } from "#lib/doctor/report/target.ts";
import { findVerdictPage } from "#lib/doctor/report/verdict-page.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import { hasBrowser, openFile, startBrowser } from "../support/browser.ts";
import { report, stage, steps, url, whole } from "../support/doctor-reports.ts";
import { contrast } from "./contrast.ts";
import { coloursOfBody, coloursOfDrawing, isOwned, overflowing, violations, widths } from "./in-page.ts";

let browser: Browser;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-report-"));
  if (hasBrowser) browser = await startBrowser();
});

afterAll(async () => {
  if (hasBrowser) await browser.close();
  await rm(folder, { recursive: true });
});

const fromHere = `transport login ${whole.slice(4)}`;
type Reported = readonly [DoctorReport, ReportTarget];

const noAnswer: Reported = [
  report("ssm.no-answer", steps("here", "transport login tcp !ssl-request"), steps("vpc", whole)),
  stage,
];
const wrongPassword: Reported = [
  report("auth.rejected", steps("here", "dns tcp ssl-request tls certificate startup !auth")),
  { ...url, host: `${"a-very-long-name.".repeat(12)}example` },
];
const reports: Readonly<Record<string, Reported>> = {
  "a bastion that gets no answer": noAnswer,
  "a bastion whose agent is away": [
    report("ssm.agent-offline", steps("here", "!transport"), steps("vpc", whole)),
    stage,
  ],
  "a proxy that has none left": [
    report("proxy.pool-exhausted", steps("here", fromHere), steps("vpc", whole), [
      ...steps("vpc", "dns tcp ssl-request tls certificate startup auth !ready", { to: "proxy" }),
    ]),
    { ...stage, proxyHost: "a-proxy-with-a-long-name.internal" },
  ],
  "a password that is wrong": wrongPassword,
};

async function writePage(found: DoctorReport, target: ReportTarget): Promise<string> {
  const explanation = findVerdictPage(found.verdict.code);
  const facts = { report: found, target, at: new Date("2026-11-30T10:20:30Z"), version: "0.1.0", isUnmasked: false };
  const file = join(folder, `${crypto.randomUUID()}.html`);
  await writeFile(file, renderPage({ ...facts, ...(explanation === undefined ? {} : { explanation }) }));
  return file;
}

/** The drawing that this width has: the other is not shown. */
function drawing(page: Page) {
  return page.locator("svg.path:visible");
}

const looks = (["light", "dark"] as const).flatMap((colorScheme) =>
  [360, 1280].map((width) => ({ colorScheme, width })),
);

describe.skipIf(!hasBrowser).each(Object.entries(reports))("the page of %s", (_, [found, target]) => {
  test.each(looks)("is whole in $colorScheme, $width pixels wide", async ({ colorScheme, width }) => {
    const file = await writePage(found, target);
    await using opened = await openFile(browser, file, { colorScheme, viewport: { width, height: 800 } });
    const { page, complaints, requests } = opened;

    const { content, window } = await widths(page);
    expect(content).toBeLessThanOrEqual(window);
    expect(await overflowing(page)).toEqual([]);

    const broken = drawing(page).locator(".hop.broken, .link.broken");
    expect(await broken.count()).toBe(1);
    expect(await broken.locator("> .mark").isVisible()).toBe(true);
    expect(await page.getByRole("heading", { level: 1 }).innerText()).toBe(found.verdict.summary);
    expect(await page.locator("tr.broken").count()).toBe(1);

    for (const pair of await coloursOfDrawing(page)) {
      expect({ ...pair, isReadable: contrast(pair.text, pair.back) >= 4.5 }).toEqual({ ...pair, isReadable: true });
    }
    expect(await violations(page)).toEqual([]);
    expect(requests).toEqual([pathToFileURL(file).href]);
    expect(complaints).toEqual([]);
  });

  test("says it all to whoever does not see it, and hides one of the two drawings", async () => {
    await using opened = await openFile(browser, await writePage(found, target));
    expect(await drawing(opened.page).count()).toBe(1);
    expect(await opened.page.getByRole("img", { name: /broken/u }).count()).toBeGreaterThan(0);
  });
});

describe.skipIf(!hasBrowser)("a hostile server", () => {
  test.each([
    "<script>window.owned = true; alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title></svg></table><img src=x onerror=alert(1)><style>body{display:none}</style>",
    '" onload="alert(1)" x="',
    "<a href=javascript:alert(1)>click</a>",
    "\u202e\u2066gnp.exe\u0000\u001b]0;x\u0007",
  ])("that says %j is only quoted", async (text) => {
    const found = report("db.failed", steps("here", "dns !tcp", { detail: text, name: text, warning: text }));
    const verdict = { code: text, summary: text, fix: text, evidence: text, ranked: [{ code: text, settle: text }] };
    const file = await writePage({ ...found, verdict }, { ...url, name: text, host: text });
    await using opened = await openFile(browser, file);
    const { page, complaints, requests } = opened;
    expect(await page.locator("script, img, a, object, iframe").count()).toBe(0);
    expect(await page.locator("style").count()).toBe(1);
    expect(await isOwned(page)).toBe(false);
    expect(await page.getByRole("heading", { level: 1 }).isVisible()).toBe(true);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([pathToFileURL(file).href]);
  });

  test("that got markup in all the same could run nothing, and load nothing", async () => {
    const file = await writePage(...wrongPassword);
    await using honest = await openFile(browser, file);
    const injected =
      '<script>window.owned = true</script><img src="http://127.0.0.1:1/x"><p style="color:red" onclick="">';
    await writeFile(file, (await honest.page.content()).replace("</main>", `${injected}</main>`));
    await using opened = await openFile(browser, file, { offline: false });
    expect(await isOwned(opened.page)).toBe(false);
    expect(opened.complaints.filter((text) => text.includes("Content Security Policy")).length).toBeGreaterThan(2);
  });
});

test.skipIf(!hasBrowser)("on paper it is dark on white, whatever the screen prefers", async () => {
  const file = await writePage(...noAnswer);
  await using opened = await openFile(browser, file, { colorScheme: "dark" });
  await opened.page.emulateMedia({ media: "print", colorScheme: "dark" });
  expect(await coloursOfBody(opened.page)).toEqual({ paper: "rgb(255, 255, 255)", ink: "rgb(0, 0, 0)" });
});
