import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { makeTestFolder } from "../postgres.ts";
import { waitFor } from "../wait-for.ts";

export type Agent = AsyncDisposable & { readonly env: { readonly SSH_AUTH_SOCK: string } };

/** A real ssh-agent of the test's own, with these private keys. */
export async function startAgent(keys: readonly string[]): Promise<Agent> {
  const folder = await makeTestFolder();
  const env = { SSH_AUTH_SOCK: join(folder, "agent.sock") };
  const child = spawn("ssh-agent", ["-D", "-a", env.SSH_AUTH_SOCK], { stdio: "ignore" });
  const ended = once(child, "close");
  const dispose = async () => {
    child.kill();
    await ended;
    await rm(folder, { recursive: true });
  };
  try {
    await waitFor("the agent answers", () => answers(env));
    for (const key of keys)
      execFileSync("ssh-add", ["-q", "-"], { input: key, env, stdio: ["pipe", "ignore", "pipe"] });
  } catch (error) {
    await dispose();
    throw error;
  }
  return { env, [Symbol.asyncDispose]: dispose };
}

/** Its socket is there a moment before anyone listens. ssh-add: 1 without a key, 2 without an agent. */
function answers(env: Agent["env"]): boolean {
  return spawnSync("ssh-add", ["-l"], { env, stdio: "ignore" }).status === 1;
}
