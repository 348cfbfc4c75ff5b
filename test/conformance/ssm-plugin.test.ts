import { readFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { afterEach, describe, expect, test, vi } from "vitest";
import { localInstanceId } from "#lib/local/gateway/gateway.ts";
import { pluginTransport } from "#lib/tunnel/ssm/plugin/plugin-transport.ts";
import { startTestEndpoint } from "../support/aws-endpoint.ts";
import { makeRunFolder } from "../support/run-folder.ts";
import { startTestGateway } from "../support/session-gateway.ts";
import { waitFor } from "../support/wait-for.ts";
import { startFarEnd } from "./far-end.ts";
import { describeTransport, type TransportRig } from "./transport-suite.ts";

const fixture = join(import.meta.dirname, "../support/fixtures/session-manager-plugin.ts");
const { signal } = new AbortController();

type Rig = TransportRig & { readonly openSessions: () => number; readonly recordFile: string };

async function makeRig(farEnd: { readonly host: string; readonly port: number }, mode = "forward"): Promise<Rig> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await makeRunFolder());
  const gateway = stack.use(await startTestGateway(farEnd));
  const endpoint = stack.use(await startTestEndpoint({ sessions: gateway }));
  const { endpoint: url, region, credentials } = endpoint.config();
  const recordFile = join(folder.path, "record.json");
  const environment = [`PLUGIN_MODE=${mode}`, `PLUGIN_RECORD=${recordFile}`];
  const all = stack.move();
  return {
    transport: pluginTransport({
      target: localInstanceId,
      ...farEnd,
      access: { source: "local-stage", endpoint: url, region, credentials },
      command: ["/usr/bin/env", ...environment, process.execPath, fixture],
      readyWithinMs: mode === "hang" ? 1500 : 15_000,
    }),
    refusal: "ssm.refused",
    openSessions: () => gateway.sessions().filter(({ state }) => state !== "over").length,
    recordFile,
    [Symbol.asyncDispose]: async () => all.disposeAsync(),
  };
}

describeTransport("ssm (--engine plugin)", makeRig);

const recordOf = async ({ recordFile }: Rig) =>
  JSON.parse(await readFile(recordFile, "utf8")) as {
    readonly argv: readonly string[];
    readonly TokenValue: string;
    readonly TMPDIR: string;
    readonly identity: Readonly<Record<string, string>>;
    readonly pid: number;
  };

const isAlive = (pid: number) => existsSync(`/proc/${pid}`);

describe("the official plugin as a child", () => {
  afterEach(() => vi.unstubAllEnvs());

  test("gets its token through the environment and never as an argument", async () => {
    await using farEnd = await startFarEnd();
    await using rig = await makeRig(farEnd);
    await using _link = await rig.transport.connect(signal);
    const { argv, TokenValue } = await recordOf(rig);
    expect(TokenValue.length).toBeGreaterThan(10);
    expect(argv.join(" ")).not.toContain(TokenValue);
    expect(argv.slice(0, 4)).toEqual(["AWS_SSM_START_SESSION_RESPONSE", "eu-central-1", "StartSession", ""]);
    expect(JSON.parse(argv[4] ?? "")).toMatchObject({
      Target: localInstanceId,
      Parameters: { localPortNumber: ["0"] },
    });
  });

  test("acts as the stage's own key where there is one, whatever the environment says", async () => {
    for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_PROFILE"]) vi.stubEnv(name, "somebody-else");
    await using farEnd = await startFarEnd();
    await using rig = await makeRig(farEnd);
    await using _link = await rig.transport.connect(signal);
    const { argv, identity } = await recordOf(rig);
    expect(Object.keys(identity)).toEqual(["AWS_ACCESS_KEY_ID"]);
    expect(JSON.stringify([argv, identity])).not.toContain("somebody-else");
  });

  test.each(["forward", "deaf"])("is gone after disposal, with its folder and its session (%s)", async (mode) => {
    await using farEnd = await startFarEnd();
    await using rig = await makeRig(farEnd, mode);
    const link = await rig.transport.connect(signal);
    const { pid, TMPDIR } = await recordOf(rig);
    expect([isAlive(pid), existsSync(TMPDIR), rig.openSessions()]).toEqual([true, true, 1]);
    await link[Symbol.asyncDispose]();
    expect([isAlive(pid), existsSync(TMPDIR), rig.openSessions()]).toEqual([false, false, 0]);
  });

  test("that ends by itself, with 0 as always, ends the link", async () => {
    await using farEnd = await startFarEnd();
    await using rig = await makeRig(farEnd);
    await using link = await rig.transport.connect(signal);
    process.kill((await recordOf(rig)).pid, "SIGUSR2");
    expect(await link.ended).toMatchObject({ code: "ssm.plugin-failed" });
  });

  test("whose session somebody ended says so on its output, and ends the link with that", async () => {
    await using farEnd = await startFarEnd();
    await using rig = await makeRig(farEnd, "end");
    await using link = await rig.transport.connect(signal);
    expect(await link.ended).toMatchObject({
      code: "ssm.session-ended",
      message: expect.stringContaining("Terminated by an administrator"),
    });
  });

  test.each([
    ["fail", "ssm.plugin-failed", /no route to the gateway/u],
    ["hang", "ssm.handshake", /opened no port within 1.5 s/u],
  ] as const)("that does not begin is told, and ended (%s)", async (mode, code, message) => {
    await using farEnd = await startFarEnd();
    await using rig = await makeRig(farEnd, mode);
    await expect(rig.transport.connect(signal)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    const { pid } = await recordOf(rig);
    await waitFor("its end", () => !isAlive(pid) && rig.openSessions() === 0);
  });

  test("that is not installed is told, and no session is left", async () => {
    await using farEnd = await startFarEnd();
    await using gateway = await startTestGateway(farEnd);
    await using endpoint = await startTestEndpoint({ sessions: gateway });
    const { endpoint: url, region, credentials } = endpoint.config();
    const transport = pluginTransport({
      target: localInstanceId,
      ...farEnd,
      access: { source: "local-stage", endpoint: url, region, credentials },
      command: ["/nowhere/session-manager-plugin"],
    });
    await expect(transport.connect(signal)).rejects.toMatchObject({ code: "ssm.plugin-missing" });
    expect(gateway.sessions().map(({ state }) => state)).toEqual(["over"]);
  });
});
