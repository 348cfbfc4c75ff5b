import { type Command, Option } from "commander";
import { PosternError } from "#lib/base/errors.ts";
import type { TransportKind } from "#lib/tunnel/transport.ts";
import { parseRemotePort, wholeNumber } from "../options/numbers.ts";

/** How a tunnel gets there. */
export type TransportFlags = {
  readonly transport: TransportKind;
  readonly engine: "native" | "plugin";
  readonly pace?: number;
  readonly sessions?: number;
  readonly keepAlive?: boolean;
  readonly sshHost?: string;
  readonly sshPort?: number;
  readonly sshUser?: string;
  readonly sshKey?: string;
  readonly sshConfig?: string;
  readonly sshKnownHosts?: string;
  readonly sshAcceptNew?: boolean;
};

/** The flags that mean something to one transport alone. */
const flagsOf = {
  ssm: ["engine", "pace", "sessions", "keepAlive"],
  ssh: ["sshHost", "sshPort", "sshUser", "sshKey", "sshConfig", "sshKnownHosts", "sshAcceptNew"],
  direct: [],
} as const satisfies Record<TransportKind, readonly (keyof TransportFlags)[]>;

const sshHelp = `
With --transport ssh, a private key may also be in POSTERN_SSH_KEY_TEXT (its lines may have been lost on the way), and the passphrase
of an encrypted one is in POSTERN_SSH_PASSPHRASE: neither is ever an argument.`;

/** Gives a verb the flags that say how its tunnel gets to the database. */
export function addTransportOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--transport <kind>", "how to get there: a session of Session Manager, SSH, or straight")
        .choices(["ssm", "ssh", "direct"])
        .default("ssm")
        .env("POSTERN_TRANSPORT"),
    )
    .addOption(
      new Option("--engine <engine>", "ssm: this program's own client, or AWS's session-manager-plugin")
        .choices(["native", "plugin"])
        .default("native")
        .env("POSTERN_ENGINE"),
    )
    .addOption(
      new Option("--pace <bytes>", "ssm: bytes a millisecond sent at most (default: 1024; 0: no limit)")
        .env("POSTERN_PACE")
        .argParser(wholeNumber(0, 1_048_576)),
    )
    .addOption(
      new Option("--sessions <n>", "ssm: spread connections over this many sessions (default: 1)")
        .env("POSTERN_SESSIONS")
        .argParser(wholeNumber(1, 16)),
    )
    .addOption(
      new Option("--keep-alive", "ssm: keep an idle session from its idle timeout, which is your account's policy").env(
        "POSTERN_KEEP_ALIVE",
      ),
    )
    .addOption(new Option("--ssh-host <host>", "ssh: the server, or its name in ~/.ssh/config").env("POSTERN_SSH_HOST"))
    .addOption(
      new Option("--ssh-port <number>", "ssh: its port (default: 22, or as the config says)")
        .env("POSTERN_SSH_PORT")
        .argParser(parseRemotePort),
    )
    .addOption(new Option("--ssh-user <name>", "ssh: who logs in there").env("POSTERN_SSH_USER"))
    .addOption(
      new Option("--ssh-key <file>", "ssh: private key (default: the agent's, and those of ~/.ssh)").env(
        "POSTERN_SSH_KEY",
      ),
    )
    .addOption(new Option("--ssh-config <file>", "ssh: config file (default: ~/.ssh/config)").env("POSTERN_SSH_CONFIG"))
    .addOption(
      new Option("--ssh-known-hosts <file>", "ssh: keys of servers (default: ~/.ssh/known_hosts)").env(
        "POSTERN_SSH_KNOWN_HOSTS",
      ),
    )
    .addOption(
      new Option("--ssh-accept-new", "Danger: ssh: take the key of a server that is not known, and keep it").env(
        "POSTERN_SSH_ACCEPT_NEW",
      ),
    )
    .addHelpText("after", sshHelp);
}

/**
 * What goes with another transport is refused where it was typed; a variable may be set for other commands.
 *
 * @throws PosternError `usage.invalid`
 */
export function readTransportFlags(command: Command): TransportFlags {
  const flags = command.opts<TransportFlags>();
  const isTyped = (name: string) => command.getOptionValueSource(name) === "cli";
  for (const kind of ["ssm", "ssh"] as const) {
    const strange = kind === flags.transport ? undefined : flagsOf[kind].find(isTyped);
    if (strange === undefined) continue;
    const message = `${flagName(strange)} goes with --transport ${kind}, not with ${flags.transport}.`;
    throw new PosternError("usage.invalid", message);
  }
  if (flags.transport === "ssh" && flags.sshHost === undefined) {
    throw new PosternError("usage.invalid", "--transport ssh needs the server: --ssh-host HOST.");
  }
  const own = flags.engine === "plugin" ? (["pace", "sessions", "keepAlive"] as const).find(isTyped) : undefined;
  if (own !== undefined) {
    const message = `${flagName(own)} goes with this program's own client, not with --engine plugin.`;
    throw new PosternError("usage.invalid", message);
  }
  return flags;
}

function flagName(attribute: string): string {
  return `--${attribute.replaceAll(/[A-Z]/gu, (letter) => `-${letter.toLowerCase()}`)}`;
}
