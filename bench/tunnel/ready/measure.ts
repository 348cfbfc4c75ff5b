import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { sshTransport } from "#lib/tunnel/ssh/transport.ts";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import type { Transport } from "#lib/tunnel/transport.ts";
import { Tunnel } from "#lib/tunnel/tunnel.ts";
import { measureInRounds } from "../../figures/statistics.ts";
import { bastion, databaseName, destinationOf } from "../scene/far-side.ts";
import type { OpenSsh } from "../scene/openssh.ts";
import { type FarSideChild, startFarSideChild } from "../scene/ways.ts";
import type { Sizes } from "../sizes.ts";

/** From the start until PostgreSQL has answered through it; one value a round. */
export type ReadyTimes = { readonly name: string; readonly includes: string; readonly readyMs: readonly number[] };

export const command = "ssm-tunnel";

/** One tunnel at a time, each to the same database. The round that does not count warms the file cache. */
export async function measureReady(
  database: { readonly host: string; readonly port: number },
  workDir: string,
  ssh: OpenSsh | undefined,
  { rounds }: Sizes,
): Promise<ReadyTimes[]> {
  await using farSide = await startFarSideChild({ database });
  const contenders = [
    {
      name: command,
      includes: "start of the process, StartSession, data channel, PostgreSQL's answer",
      start: async () => runCommand(farSide, workDir),
    },
    {
      name: "library, ssm",
      includes: "the same without the process",
      start: async () => connect(ssmTransport(destinationOf(farSide.access))),
    },
    ...(ssh === undefined
      ? []
      : [
          {
            name: "library, ssh",
            includes: "login with a key, PostgreSQL's answer",
            start: async () => connect(sshTransport(ssh.optionsTo(database))),
          },
          {
            name: "ssh -L",
            includes: "start of the process, login with a key, PostgreSQL's answer",
            start: async () => timed(async () => ssh.forward(database)),
          },
        ]),
  ];
  const times = await measureInRounds(contenders, rounds * 2, async ({ start }) => start());
  return contenders.map(({ name, includes }) => ({ name, includes, readyMs: times.get(name) ?? [] }));
}

async function connect(transport: Transport): Promise<number> {
  return timed(async () => Tunnel.connect({ transport }));
}

/** What it opened is closed, outside of the time. */
async function timed(open: () => Promise<AsyncDisposable>): Promise<number> {
  const startMs = performance.now();
  await using _opened = await open();
  return performance.now() - startMs;
}

const program = join(import.meta.dirname, "..", "..", "..", "scripts", "cli.ts");

/** The program as npm starts it; npm's own time is not in it. */
async function runCommand({ access }: FarSideChild, stateHome: string): Promise<number> {
  const to = ["--host", databaseName.host, "--remote-port", String(databaseName.port), "--port", "0"];
  const startMs = performance.now();
  const child = spawn(process.execPath, [program, "ssm-tunnel", "--json", "--target", bastion, ...to], {
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      PATH: process.env["PATH"],
      XDG_STATE_HOME: stateHome,
      AWS_ENDPOINT_URL: access.endpoint,
      AWS_REGION: access.region,
      AWS_ACCESS_KEY_ID: access.credentials?.accessKeyId,
      AWS_SECRET_ACCESS_KEY: access.credentials?.secretAccessKey,
    },
  });
  const exited = once(child, "exit");
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      if ((JSON.parse(line) as { readonly event?: string }).event === "up") return performance.now() - startMs;
    }
    throw new Error("ssm-tunnel ended before it was up.");
  } finally {
    child.kill("SIGTERM");
    await exited;
  }
}
