import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Clock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { withoutOwnSecrets } from "#lib/base/own-secrets.ts";
import { quote } from "#lib/ssm-protocol/message.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import type { SessionRequest, StartedSession } from "../session/session.ts";
import { type PluginEvent, readPluginLine } from "./plugin-output.ts";

export type PluginProcessOptions = {
  /** Program and first arguments. */
  readonly command: readonly [string, ...string[]];
  readonly session: StartedSession;
  readonly request: SessionRequest;
  readonly access: AwsAccess;
  readonly region: string;
  readonly clock: Clock;
  readonly onEvent: (event: PluginEvent) => void;
  /** Its process is gone, for whatever reason; with the last it said. */
  readonly onExit: (lastWords: string) => void;
};

/** Since plugin 1.2.497 an argument of this form names a variable that holds the answer of StartSession. */
const responseVariable = "AWS_SSM_START_SESSION_RESPONSE";
/** It ends within a moment, or never. */
const interruptedWithinMs = 2000;

/**
 * The official plugin as a child, in a process group of its own. The token goes into its environment: everybody on the
 * machine can read an argument. Disposing interrupts it, which is the one signal that makes it end its session, and kills
 * what is left of the group; its folder for temporary files goes, too, since it leaves a socket behind when it is killed.
 *
 * @throws PosternError `ssm.plugin-missing`, `ssm.plugin-failed`
 */
export async function startPlugin(options: PluginProcessOptions): Promise<AsyncDisposable> {
  const { command, access, clock, onEvent, onExit } = options;
  const [program, ...first] = command;
  const folder = await mkdtemp(join(tmpdir(), "postern-plugin-"));
  const child = spawn(program, [...first, ...pluginArguments(options)], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...withoutOwnSecrets(process.env), ...identityOf(access), ...responseOf(options), TMPDIR: folder },
  });
  const exited = once(child, "close").catch(() => undefined);
  try {
    await once(child, "spawn");
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw notStarted(program, error);
  }

  let lastWords = "";
  for (const output of [child.stdout, child.stderr]) {
    createInterface({ input: output }).on("line", (line) => {
      if (line.trim() === "") return;
      lastWords = quote(line.trim());
      const event = readPluginLine(lastWords);
      if (event !== undefined) onEvent(event);
    });
  }
  void exited.then(() => onExit(lastWords));

  return {
    [Symbol.asyncDispose]: async () => {
      const isGone = new AbortController();
      void exited.then(() => isGone.abort());
      signalGroup(child, "SIGINT");
      await clock.sleep(interruptedWithinMs, isGone.signal).catch(() => undefined);
      // Also when it has ended: what it may have started has not.
      signalGroup(child, "SIGKILL");
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** In the order in which the AWS CLI passes them. */
function pluginArguments({ region, request, access }: PluginProcessOptions): string[] {
  const { target, documentName, parameters = {} } = request;
  const lists = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, [value]]));
  const requested = { Target: target, DocumentName: documentName, Parameters: lists };
  const domain = region.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
  const endpoint = access.endpoint ?? `https://ssm.${region}.${domain}`;
  // AWS's SDK for Go takes a profile that is named for more than a key in the environment.
  const profile = access.credentials === undefined ? (process.env["AWS_PROFILE"] ?? "") : "";
  return [responseVariable, region, "StartSession", profile, JSON.stringify(requested), endpoint];
}

function responseOf({ session }: PluginProcessOptions): Record<string, string> {
  const response = { SessionId: session.id, TokenValue: session.token, StreamUrl: session.streamUrl.href };
  return { [responseVariable]: JSON.stringify(response) };
}

/** It resumes sessions itself, as whoever started it. With a key of the stage's own, what the environment says of another goes. */
function identityOf({ credentials }: AwsAccess): Record<string, string | undefined> {
  if (credentials === undefined) return {};
  return {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_SESSION_TOKEN: undefined,
    AWS_PROFILE: undefined,
  };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone.
  }
}

function notStarted(program: string, cause: unknown): PosternError {
  return (cause as NodeJS.ErrnoException).code === "ENOENT"
    ? new PosternError("ssm.plugin-missing", `There is no program ${program} on the PATH.`, { cause })
    : new PosternError("ssm.plugin-failed", `${program} could not be started: ${String(cause)}`, { cause });
}
