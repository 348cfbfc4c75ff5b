import process from "node:process";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { findProgram } from "./debian.ts";

const executablePath = findProgram("chromium");

export const hasBrowser = executablePath !== undefined;

/** Debian's Chromium without a screen. */
export async function startBrowser(): Promise<Browser> {
  if (executablePath === undefined) throw new Error("chromium is not installed (Debian: chromium)");
  // Chromium refuses to make its sandbox for root; what it opens here is ours.
  return await chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0 });
}

export type OpenedPage = AsyncDisposable & {
  readonly page: Page;
  /** What the console, scripts and dialogs said. */
  readonly complaints: readonly string[];
  /** Everything that was asked for, the file itself included. */
  readonly requests: readonly string[];
};

/** A file, opened as a person does who was sent it: from the disk, without a network. */
export async function openFile(
  browser: Browser,
  file: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext({ offline: true, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(file).href, { waitUntil: "load" });
  return { page, complaints, requests, [Symbol.asyncDispose]: async () => context.close() };
}
