import { measureInRounds } from "../../figures/statistics.ts";
import { type Direction, openBulk, type Place, transfer } from "../scene/bulk-client.ts";
import type { OpenSsh } from "../scene/openssh.ts";
import type { Way } from "../scene/tunnel-process.ts";
import { ssmWay, startFarSideChild, startTunnelChild } from "../scene/ways.ts";
import type { Sizes } from "../sizes.ts";

/** One value a round. */
export type Throughput = {
  readonly name: string;
  readonly direction: Direction;
  readonly megabytesPerSecond: readonly number[];
};

const largePayloadBytes = 16 * 1024;
export const contender = {
  raw: "raw socket",
  large: "ssm, 16 KiB payloads",
  usual: "ssm, 1 KiB payloads",
  ssh: "ssh",
  openSsh: "ssh -L",
} as const;

/** 10⁶ bytes. */
const megabyte = 1e6;

/** One stream of plain bytes from and to a server that does nothing else, each tunnel in a process of its own. */
export async function measureThroughput(ssh: OpenSsh | undefined, sizes: Sizes): Promise<Throughput[]> {
  await using stack = new AsyncDisposableStack();
  const usual = stack.use(await startFarSideChild());
  const large = stack.use(await startFarSideChild({ payloadBytes: largePayloadBytes }));
  const largeWay = { ...ssmWay(large), kind: "ssm, large payloads", payloadBytes: largePayloadBytes } as Way;
  const places: { readonly name: string; readonly place: Place }[] = [
    { name: contender.raw, place: usual.database },
    { name: contender.large, place: stack.use(await startTunnelChild(largeWay)) },
    { name: contender.usual, place: stack.use(await startTunnelChild(ssmWay(usual))) },
  ];
  if (ssh !== undefined) {
    const { host, port } = usual.database;
    const way = { kind: "ssh", ...ssh.optionsTo({ host, port }) } as const;
    places.push({ name: contender.ssh, place: stack.use(await startTunnelChild(way)) });
    const forwarded = stack.use(await ssh.forward({ host, port }));
    places.push({ name: contender.openSsh, place: { host, port: forwarded.port } });
  }
  const results: Throughput[] = [];
  for (const direction of ["down", "up"] as const) {
    const rates = await measureInRounds(places, sizes.rounds, async ({ name, place }) =>
      measureRate(place, direction, name === contender.usual ? sizes.smallBytes : sizes.bulkBytes),
    );
    for (const [name, megabytesPerSecond] of rates) results.push({ name, direction, megabytesPerSecond });
  }
  return results;
}

async function measureRate(place: Place, direction: Direction, bytes: number): Promise<number> {
  const socket = await openBulk(place);
  const startMs = performance.now();
  await transfer(socket, direction, bytes);
  return (bytes / megabyte / (performance.now() - startMs)) * 1000;
}
