import { systemClock } from "#lib/base/clock.ts";
import { PosternError } from "#lib/base/errors.ts";
import { resolveHost } from "#lib/tunnel/address-watch.ts";
import type { TunnelEvent } from "#lib/tunnel/events.ts";
import { choosePort } from "#lib/tunnel/registry/remembered-port.ts";
import { type NewTunnel, type Registration, registerTunnel } from "#lib/tunnel/registry/registry.ts";
import { tunnelKey } from "#lib/tunnel/registry/tunnel-key.ts";
import type { Transport } from "#lib/tunnel/transport.ts";
import type { Tunnel, TunnelOptions } from "#lib/tunnel/tunnel.ts";
import type { CommandContext } from "../command-context.ts";
import { describeTunnelEvent, describeTunnelLine } from "../report/tunnel-report.ts";
import type { Destination } from "./destination.ts";
import { openTunnel } from "./open-tunnel.ts";
import { isPortFree } from "./port-taken.ts";

export type RunOptions = {
  readonly destination: Destination;
  readonly transport: Transport;
  /** Default: the remembered one, or any for one that is not listed. */
  readonly port: number | undefined;
  readonly bind: string;
  readonly maxRetries: number | undefined;
  readonly withinMs?: number | undefined;
  readonly isDetached: boolean;
  /** False for one that is its command's alone: nobody is to find it, and the stage may have another. Default true. */
  readonly isListed?: boolean;
  readonly stateFolder: string;
};

const intervalsMs = Object.freeze({ show: 1000, publish: 5000 });
const localDelayMs = 1000;

/**
 * Opens a tunnel, tells of it, and does `work` while it is up:
 *
 * 1. Enter it in the registry: the second of two that start at once is refused.
 * 2. Choose the local port, and open it. One that is not listed has any free one.
 * 3. Do the work; while that lasts, what happens goes to stdout and to the registry.
 *
 * In the end, however it comes, the session is ended, the port closed and the entry gone.
 *
 * @throws PosternError `tunnel.running`, `port.taken`, the reasons of the transport, whatever the work throws
 */
export async function runTunnel<Value>(
  options: RunOptions,
  context: CommandContext,
  work: (tunnel: Tunnel) => Promise<Value>,
): Promise<Value> {
  const { destination, transport, bind, maxRetries, withinMs, stateFolder } = options;
  const { output, signal } = context;
  const key = tunnelKey(destination.name, destination.database);
  let record = describeNew(options);
  const { isListed = true } = options;
  await using registration = isListed ? await register(options, key, record, context) : undefined;
  const change = (news: Partial<NewTunnel>) => {
    const { reason: _over, ...healthy } = { ...record, ...news };
    record = healthy.state === "up" ? healthy : { ...record, ...news };
    output.status(describeTunnelLine(record, systemClock.wallTime()));
  };
  const onEvent = (event: TunnelEvent) => {
    output.event(event, describeTunnelEvent);
    change(newsOf(event, record));
    registration?.publish(record);
  };
  using _line = { [Symbol.dispose]: () => output.status("") };
  const port =
    options.port ?? (isListed ? await chooseOwnPort({ key, name: destination.name, bind, stateFolder }, context) : 0);
  const way = { ...wayTo(destination), transport, maxRetries };
  await using tunnel = await openTunnel({ ...way, port, bind, withinMs, stateFolder, onEvent }, signal);
  let published = record;
  const shown = setInterval(() => change(factsOf(tunnel)), intervalsMs.show);
  const kept = setInterval(() => {
    if (!isMoreThan(record, published)) return;
    published = record;
    registration?.publish(record);
  }, intervalsMs.publish);
  try {
    return await work(tunnel);
  } finally {
    clearInterval(shown);
    clearInterval(kept);
  }
}

/** The round trip alone differs all the time, and is not worth a write to a laptop's disk. */
function isMoreThan(record: NewTunnel, published: NewTunnel): boolean {
  const counted = ["connections", "bytesUp", "bytesDown"] as const;
  return counted.some((name) => record[name] !== published[name]);
}

/**
 * What a tunnel is to know of where it leads. After a failover the host of a stage's database leads to another server; of any other
 * host nobody knows what it stands for. A local stage is on this machine and may be asked every second, so that one that was
 * restarted is found at once.
 */
export function wayTo({ kind, database, access }: Destination): Pick<TunnelOptions, "resolve" | "maxDelayMs"> {
  return {
    ...(kind === "stage" ? { resolve: resolveHost(database.host) } : {}),
    ...(access.source === "local-stage" ? { maxDelayMs: localDelayMs } : {}),
  };
}

/** Until somebody stops it. @throws PosternError the reason for which it ended by itself */
export async function untilStopped(tunnel: Tunnel, signal: AbortSignal): Promise<void> {
  const stopped = Promise.withResolvers<undefined>();
  const stop = () => stopped.resolve(undefined);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const reason = await Promise.race([stopped.promise, tunnel.ended]);
  signal.removeEventListener("abort", stop);
  if (reason !== undefined) throw reason;
}

/** A tunnel that nobody else can find is better than none, unless it is to go on without us. */
async function register(
  { isDetached, stateFolder }: RunOptions,
  key: string,
  record: NewTunnel,
  { output }: CommandContext,
): Promise<Registration | undefined> {
  try {
    return await registerTunnel(stateFolder, key, record);
  } catch (error) {
    if (isDetached || !(error instanceof PosternError) || error.code !== "data.unwritable") throw error;
    output.note(`not in the list of tunnels: ${error.message}`);
    return undefined;
  }
}

/** The remembered port; any free one where none can be remembered. */
export async function chooseOwnPort(
  { key, name, bind, stateFolder: folder }: Record<"key" | "name" | "bind" | "stateFolder", string>,
  { output }: Pick<CommandContext, "output">,
): Promise<number> {
  try {
    return await choosePort({ folder, key, name, isFree: async (port) => isPortFree(port, bind) });
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== "data.unwritable") throw error;
    output.note(`the port cannot be remembered: ${error.message}`);
    return 0;
  }
}

function describeNew({ destination, transport, isDetached }: RunOptions): NewTunnel {
  const now = systemClock.wallTime().toISOString();
  const { name, kind, database } = destination;
  return {
    name,
    kind,
    transport: transport.kind,
    route: transport.route,
    database,
    isDetached,
    since: now,
    state: "connecting",
    stateSince: now,
    reconnects: 0,
  };
}

/** What changes without an event. */
function factsOf(tunnel: Tunnel): Partial<NewTunnel> {
  const { openConnections: connections, bytesUp, bytesDown, roundTripMs } = tunnel.status();
  return { connections, bytesUp, bytesDown, ...(roundTripMs === undefined ? {} : { roundTripMs }) };
}

/** What an event changes in the record. */
function newsOf(event: TunnelEvent, record: NewTunnel): Partial<NewTunnel> {
  const enter = (state: NewTunnel["state"], rest: Partial<NewTunnel> = {}): Partial<NewTunnel> =>
    state === record.state ? rest : { state, stateSince: event.at, ...rest };
  switch (event.event) {
    case "listening":
      return { host: event.host, port: event.port };
    case "up":
      return enter("up", { reconnects: event.reconnects });
    case "degraded":
      return enter("degraded", { reason: event.reason });
    case "reconnecting":
      return enter(record.state === "connecting" ? "connecting" : "reconnecting", { reason: event.reason });
    case "down":
      return enter("reconnecting", { reason: event.reason });
    case "maxRetriesExceeded":
      return { reason: event.reason };
    case "closed":
      return enter("closed", event.reason === undefined ? {} : { reason: event.reason });
    default:
      return event satisfies never;
  }
}
