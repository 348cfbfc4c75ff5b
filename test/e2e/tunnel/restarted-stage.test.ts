import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { runCommand, startCommand } from "../../support/command-line.ts";
import { isInstalled } from "../../support/debian.ts";
import { answersAt, startTunnelBench } from "../../support/tunnel-bench.ts";

// A local stage keeps its database's port; its keys, and the port of its AWS, are others after each start.
const database = { host: "localhost", port: 5432, name: "postgres", instanceId: "postern-local" };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-test-"));
});
afterAll(async () => rm(folder, { recursive: true }));

/** What the stage leaves in its data folder when it is up. */
const announce = async (stage: { readonly env: { readonly POSTERN_DATA: string } }) =>
  copyFile(join(stage.env.POSTERN_DATA, "aws.json"), join(folder, "aws.json"));

describe.skipIf(!isInstalled("psql"))("behind a running tunnel", () => {
  test("a restart of the local stage is survived: the tunnel comes back with the new keys, and serves", async () => {
    const before = await startTunnelBench({ database });
    onTestFinished(async () => before[Symbol.asyncDispose]());
    await using after = await startTunnelBench({ database });
    await announce(before);
    // A data folder has one CA, and benches one each.
    const caFile = join(folder, "ca.pem");
    const authorities = await Promise.all([before, after].map(async ({ server }) => readFile(server.caFile, "utf8")));
    await writeFile(caFile, authorities.join("\n"));
    const env = {
      ...before.env,
      POSTERN_CA: caFile,
      XDG_STATE_HOME: folder,
      POSTERN_DATA: folder,
      POSTERN_TRANSPORT: "ssm",
    };
    const child = startCommand(["ssm-tunnel", "--json", "--login", "--port", "0"], { env });
    const closed = once(child, "close");
    onTestFinished(async () => {
      child.kill("SIGTERM");
      await closed;
    });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const until = async <Name extends TunnelEvent["event"] | "login">(
      name: Name,
      isIt: (line: Line<Name>) => boolean = () => true,
    ) => {
      for (;;) {
        const { done, value } = await lines.next();
        if (done === true) throw new Error("The tunnel has ended.");
        const line = JSON.parse(value) as Line<Name>;
        if (line.event === name && isIt(line)) return line;
      }
    };
    const { port } = await until("listening");
    const { url } = await until("login");

    await before[Symbol.asyncDispose]();
    const waiting = await until("reconnecting", ({ attempt }) => attempt > 6);
    expect(waiting).toMatchObject({
      reason: { code: "stage.not-running", hint: expect.stringContaining("npm run local") },
    });
    expect(waiting.delayMs).toBeLessThanOrEqual(1000);

    await announce(after);
    await until("up");
    expect(await answersAt(port)).toBe(true);
    const sql = ["-X", "-A", "-t", "-c", "select current_user"];
    const psql = await runCommand(["psql", "--", ...sql], { env });
    expect([psql.exitCode, psql.stdout]).toEqual([0, "postern_operator\n"]);
    expect(psql.stderr).toContain(`through the tunnel on 127.0.0.1:${port}, which is up`);
    const client = new Client({ connectionString: url });
    await client.connect();
    expect((await client.query("select current_user")).rows).toEqual([{ current_user: "postern_operator" }]);
    await client.end();
  });
});

type Line<Name> = Name extends "login"
  ? { readonly event: "login"; readonly url: string }
  : Extract<TunnelEvent, { event: Name }>;
