import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { openFile, startBrowser } from "../support/browser.ts";
import { repositoryRoot, runCommand, startCommand } from "../support/command-line.ts";
import { waitFor } from "../support/wait-for.ts";

/**
 * `npm run docs:doctor-report`: the image in docs/doctor.md, of a real report.
 *
 * 1. Start a local stage of its own, and break it: its database does not let the bastion in any more.
 * 2. Have the doctor look at it, and write its page.
 * 3. Open the page in Chromium, and take a picture of what one sees first. Nothing is left running.
 */

const image = join(repositoryRoot, "docs/images/doctor-report.png");
/** Until the first ladder is over. */
const size = { width: 1200, height: 970 };

const folder = await mkdtemp(join(tmpdir(), "postern-image-"));
const data = ["--data", join(folder, "local")];
const stage = startCommand(["local", ...data, "--port", "0", "--aws-port", "0", "--health-port", "0"]);
const stopped = once(stage, "close");
let said = "";
stage.stdout.on("data", (chunk: Buffer) => {
  said += chunk.toString();
});
try {
  await waitFor("the local stage is up", () => said.includes("is up") || stage.exitCode !== null, 120_000);
  await succeed("local", ...data, "--break", "security-group");
  const file = join(folder, "report.html");
  const { exitCode, stderr } = await runCommand(["doctor", "--stage", "local", ...data, "--html", file]);
  if (exitCode !== 1) throw new Error(`The doctor found nothing broken: ${exitCode} ${stderr}`);
  await takePicture(file);
} finally {
  stage.kill("SIGINT");
  await stopped;
  await rm(folder, { recursive: true });
}

async function succeed(...args: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runCommand(args);
  if (exitCode !== 0) throw new Error(`postern ${args.join(" ")}: ${exitCode} ${stderr}`);
}

async function takePicture(file: string): Promise<void> {
  const browser = await startBrowser();
  try {
    await using opened = await openFile(browser, file, { viewport: size, colorScheme: "light" });
    await opened.page.screenshot({ path: image });
  } finally {
    await browser.close();
  }
  process.stdout.write(`${image}\n`);
}
