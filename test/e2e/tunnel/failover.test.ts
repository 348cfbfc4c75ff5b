import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { repositoryRoot, startCommand } from "../../support/command-line.ts";
import { startTunnelBench } from "../../support/tunnel-bench.ts";

const movedName = join(repositoryRoot, "test", "support", "fixtures", "moved-name.ts");

test("ssm-tunnel opens a new session when the name of the stage's database leads elsewhere", async () => {
  await using bench = await startTunnelBench();
  const env = { ...bench.env, POSTERN_TRANSPORT: "ssm", NODE_OPTIONS: `--import ${pathToFileURL(movedName).href}` };
  const child = startCommand(["ssm-tunnel", "--json", "--port", "0"], { env });
  onTestFinished(() => void child.kill("SIGKILL"));
  const closed = once(child, "close");
  const events: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as TunnelEvent;
    events.push(event.event);
    if (event.event === "up" && event.reconnects === 1) child.kill("SIGTERM");
  }
  await closed;
  expect(events).toEqual(["listening", "up", "down", "reconnecting", "up", "closed"]);
  expect(bench.gateway.sessions().map(({ state }) => state)).toEqual(["over", "over"]);
});
