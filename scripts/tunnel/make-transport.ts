import type { SsmTransportOptions } from "#lib/tunnel/ssm/transport.ts";
import type { Transport } from "#lib/tunnel/transport.ts";
import type { CommandContext } from "../command-context.ts";
import { type Destination, noTunnel } from "./destination.ts";
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
      return await makeSsm(destination, flags);
    default:
      return flags.transport satisfies never;
  }
}

/** A stage has its own document and bastions; for a target AWS's own document is told host and port. */
async function makeSsm(destination: Destination, flags: TransportFlags): Promise<Transport> {
  const open = await findEngine(flags);
  const { access, database } = destination;
  if (destination.kind === "target") return open({ ...database, access, target: destination.target ?? "" });
  const [{ chooseBastion }, { stageTransport }, { fetchManifest }] = await Promise.all([
    import("#lib/tunnel/ssm/bastions.ts"),
    import("#lib/tunnel/stage-transport.ts"),
    import("#lib/stage/manifest.ts"),
  ]);
  const { manifest, findAccess } = destination.stage;
  return stageTransport({
    manifest,
    access,
    findAccess,
    readManifest: async (now, signal) => fetchManifest({ stage: manifest.stage, access: now, signal }),
    chooseBastion,
    through: (target, { stage, tunnel, database: { host, port } }, now) => {
      if (tunnel === undefined) throw noTunnel(stage);
      return open({ host, port, access: now, target, documentName: tunnel.documentName });
    },
  });
}

type OpenSsm = (options: SsmTransportOptions) => Transport;

async function findEngine({ engine, pace, sessions, keepAlive }: TransportFlags): Promise<OpenSsm> {
  if (engine === "plugin") return (await import("#lib/tunnel/ssm/plugin/plugin-transport.ts")).pluginTransport;
  const { ssmTransport } = await import("#lib/tunnel/ssm/transport.ts");
  const wishes = {
    ...(pace === undefined ? {} : { paceBytesPerMs: pace }),
    ...(sessions === undefined ? {} : { sessions }),
    ...(keepAlive === undefined ? {} : { keepAlive }),
  };
  return (options) => ssmTransport({ ...options, ...wishes });
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
