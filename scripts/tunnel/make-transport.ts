import { PosternError } from "#lib/base/errors.ts";
import type { Transport } from "#lib/tunnel/transport.ts";
import type { CommandContext } from "../command-context.ts";
import type { Destination } from "./destination.ts";
import type { TransportFlags } from "./transport-options.ts";

type Environment = CommandContext["env"];

/** The transport that the flags ask for. Each is loaded only when it is used. */
export async function makeTransport(
  destination: Destination,
  flags: TransportFlags,
  env: Environment,
): Promise<Transport> {
  switch (flags.transport) {
    case "direct": {
      const { directTransport } = await import("#lib/tunnel/direct/transport.ts");
      return directTransport(destination.database);
    }
    case "ssh":
      return await makeSsh(destination, flags, env);
    case "ssm":
      throw new PosternError("usage.invalid", `--transport ${flags.transport} is still to come: expected direct.`);
    default:
      return flags.transport satisfies never;
  }
}

/** What is secret comes by the environment alone: arguments are for everybody to read. */
async function makeSsh({ database }: Destination, flags: TransportFlags, env: Environment): Promise<Transport> {
  const { sshTransport } = await import("#lib/tunnel/ssh/transport.ts");
  const { sshHost: server = "", sshPort, sshUser, sshKey: file, sshConfig, sshKnownHosts, sshAcceptNew } = flags;
  const { POSTERN_SSH_KEY_TEXT: text = "", POSTERN_SSH_PASSPHRASE: passphrase = "" } = env;
  const fromText = text === "" ? {} : { key: { text, from: "POSTERN_SSH_KEY_TEXT" } };
  return sshTransport({
    ...database,
    server,
    ...(file === undefined ? fromText : { key: { file } }),
    ...(passphrase === "" ? {} : { passphrase }),
    ...(sshPort === undefined ? {} : { serverPort: sshPort }),
    ...(sshUser === undefined ? {} : { user: sshUser }),
    ...(sshConfig === undefined ? {} : { configFile: sshConfig }),
    ...(sshKnownHosts === undefined ? {} : { knownHostsFile: sshKnownHosts }),
    ...(sshAcceptNew === undefined ? {} : { acceptNew: sshAcceptNew }),
  });
}
