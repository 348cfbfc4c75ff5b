import { type Command, Option } from "commander";
import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import type { TunnelRecord } from "#lib/tunnel/registry/record.ts";
import { listTunnels } from "#lib/tunnel/registry/registry.ts";
import { stateFolderOf } from "#lib/tunnel/registry/state-folder.ts";
import { stopTunnel } from "#lib/tunnel/registry/stop.ts";
import type { CommandContext } from "../command-context.ts";
import { parseRemotePort } from "../options/numbers.ts";
import { describeTunnel, describeTunnels } from "../report/tunnel-report.ts";

type ChoiceFlags = {
  readonly stage?: string;
  readonly target?: string;
  readonly port?: number;
  readonly all?: boolean;
};

const choiceHelp = `
Without a flag it is the only tunnel that runs. The stage is not asked: its name is enough.`;

export function registerList(parent: Command, { output, env }: CommandContext): void {
  addJson(parent.command("list"))
    .summary("the tunnels of this user that run")
    .description("Lists the tunnels of this user that run, in a terminal or detached. Exit code: 0.")
    .action(async () => {
      const tunnels = await readTunnels(env);
      output.result({ tunnels }, (_, style) => describeTunnels(tunnels, systemClock.wallTime(), style));
    });
}

export function registerStatus(parent: Command, { output, env, endWith }: CommandContext): void {
  addChoice(addJson(parent.command("status")))
    .summary("how a tunnel is doing")
    .description("Says how a tunnel is doing. Exit code: 0 it is up, 1 it is not, or none is running.")
    .addHelpText("after", choiceHelp)
    .action(async (_: unknown, command: Command) => {
      const [tunnel, ...others] = choose(await readTunnels(env), readChoice(command));
      if (tunnel === undefined || others.length > 0) throw ambiguous([tunnel, ...others]);
      output.result(tunnel, (_document, style) => describeTunnel(tunnel, systemClock.wallTime(), style));
      if (tunnel.state !== "up") endWith(1);
    });
}

export function registerStop(parent: Command, { output, env, signal }: CommandContext): void {
  addChoice(addJson(parent.command("stop")))
    .addOption(new Option("--all", "every tunnel of this user").env("POSTERN_ALL"))
    .summary("end a tunnel")
    .description(
      "Ends a tunnel, its session with it, and waits until it is gone. Exit code: 0 gone, 1 none is running.",
    )
    .addHelpText("after", choiceHelp)
    .action(async (_: unknown, command: Command) => {
      const flags = readChoice(command);
      const chosen = choose(await readTunnels(env), flags);
      if (chosen.length > 1 && flags.all !== true && flags.stage === undefined) throw ambiguous(chosen);
      const stopped = await Promise.all(
        chosen.map(async (tunnel) => ({
          name: tunnel.name,
          pid: tunnel.pid,
          port: tunnel.port ?? null,
          outcome: await stopTunnel(tunnel, { signal }),
        })),
      );
      output.result({ stopped }, () => stopped.map(describeStopped).join("\n"));
    });
}

function describeStopped({
  name,
  pid,
  outcome,
}: {
  readonly name: string;
  readonly pid: number;
  readonly outcome: string;
}) {
  return outcome === "killed"
    ? `${name}: process ${pid} did not end in time and was killed; its session ends by its idle timeout`
    : `${name}: process ${pid} has ended`;
}

function addJson(command: Command): Command {
  return command.addOption(new Option("--json", "print one JSON document on stdout").env("POSTERN_JSON"));
}

function addChoice(command: Command): Command {
  return command
    .addOption(new Option("--stage <name>", "the tunnel to this stage").env("POSTERN_STAGE"))
    .addOption(new Option("--target <id>", "the tunnel through this instance").env("POSTERN_TARGET"))
    .addOption(
      new Option("--port <number>", "the tunnel on this local port").env("POSTERN_PORT").argParser(parseRemotePort),
    );
}

/** `postern ssm-tunnel --stage dev stop` is understood, too. */
function readChoice(command: Command): ChoiceFlags {
  return { ...command.parent?.opts<ChoiceFlags>(), ...command.opts<ChoiceFlags>() };
}

async function readTunnels(env: CommandContext["env"]): Promise<readonly TunnelRecord[]> {
  return (await listTunnels(stateFolderOf(env))).map(({ record }) => record);
}

/** @throws PosternError `tunnel.not-running` when none is left */
function choose(tunnels: readonly TunnelRecord[], { stage, target, port }: ChoiceFlags): readonly TunnelRecord[] {
  const chosen = tunnels.filter(
    ({ kind, name, port: local }) =>
      (stage === undefined || (kind === "stage" && name === stage)) &&
      (target === undefined || (kind === "target" && name === target)) &&
      (port === undefined || local === port),
  );
  if (chosen.length > 0) return chosen;
  const to = stage ?? target;
  const which = [...(to === undefined ? [] : [`to ${to}`]), ...(port === undefined ? [] : [`on port ${port}`])];
  throw new PosternError("tunnel.not-running", ["No tunnel", ...which, "is running."].join(" "));
}

function ambiguous(tunnels: readonly (TunnelRecord | undefined)[]): PosternError {
  const names = tunnels.flatMap((tunnel) =>
    tunnel === undefined ? [] : [`${tunnel.name} on port ${tunnel.port ?? "?"}`],
  );
  return new PosternError("usage.invalid", `Several tunnels are running: ${names.join(", ")}.`, {
    hint: "Name one with --stage, --target or --port.",
  });
}
