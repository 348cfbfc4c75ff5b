import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { type ErrorDocument, PosternError } from "#lib/base/errors.ts";
import { killQuietly } from "#lib/base/process-facts.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import type { CommandContext } from "../command-context.ts";
import { describeTunnelEvent } from "../report/tunnel-report.ts";

/** A tunnel that goes on without us. */
export type DetachedTunnel = {
  readonly pid: number;
  readonly host: string;
  readonly port: number;
  /** Of `--login`. */
  readonly url?: string;
};

/** The line of `--login`: the one in which there is a secret, for whoever started it. */
export type LoginEvent = {
  readonly event: "login";
  readonly at: string;
  readonly host: string;
  readonly port: number;
  readonly url: string;
};

/** Given to the process that goes on; a flag for nobody else. */
export const detachedFlag = "--detached";

/** What a tunnel may take to be up before it is called off. */
const withinMs = 60_000;

type Line = TunnelEvent | LoginEvent | { readonly error: ErrorDocument };

/**
 * Starts the same command again as a process of its own group, which no terminal's end ends, and waits until its tunnel is up.
 *
 * What it tells until then is read from its output; later it tells the registry alone. When it fails, or we are stopped first, it
 * is gone when this returns.
 *
 * @param last what it tells when all of it is there
 * @throws PosternError whatever the tunnel failed with; the last reason when it is not up within a minute
 */
export async function detachTunnel(last: "up" | "login", context: CommandContext): Promise<DetachedTunnel> {
  const { root, args, env, signal, output } = context;
  signal.throwIfAborted();
  const cli = join(root, "scripts", "cli.ts");
  const child = spawn(process.execPath, [cli, ...args.filter((arg) => arg !== "--detach"), detachedFlag, "--json"], {
    env: ownEnvironment(env),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const pid = child.pid ?? 0;
  const closed = once(child, "close");
  const stop = AbortSignal.any([signal, AbortSignal.timeout(withinMs)]);
  const end = () => killQuietly(pid, "SIGTERM");
  stop.addEventListener("abort", end, { once: true });
  createInterface({ input: child.stderr }).on("line", (line) => output.note(line));

  let local: { host: string; port: number } | undefined;
  let failure: ErrorDocument | undefined;
  let reason: ErrorDocument | undefined;
  let isUp = false;
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as Line;
      if ("error" in line) failure = line.error;
      else if (line.event === "listening") local = line;
      else if (line.event === last && local !== undefined) {
        child.stdout.destroy();
        child.stderr.destroy();
        child.unref();
        isUp = true;
        return { pid, host: local.host, port: local.port, ...("url" in line ? { url: line.url } : {}) };
      } else if ("reason" in line && line.reason !== undefined) {
        reason = line.reason;
        const news = describeTunnelEvent(line);
        if (news !== undefined) output.note(news);
      }
    }
    await closed;
    signal.throwIfAborted();
    const known = failure ?? reason;
    throw known === undefined
      ? new PosternError("process.failed", "The tunnel's process has ended without a word.")
      : PosternError.fromDocument(known);
  } finally {
    stop.removeEventListener("abort", end);
    if (!isUp) end();
  }
}

/** npm's variables would have the process end with npm, which it is to outlive. */
function ownEnvironment(env: CommandContext["env"]): Record<string, string | undefined> {
  const own = Object.entries(env).filter(([name]) => !name.startsWith("npm_") && name !== "POSTERN_DETACH");
  return Object.fromEntries(own);
}
