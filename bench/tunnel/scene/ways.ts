import { join } from "node:path";
import { type Child, startChild } from "./child.ts";
import type { Place } from "./bulk-client.ts";
import type { FarSideOptions } from "./far-side.ts";
import { destinationOf } from "./far-side.ts";
import type { FarSideAnswer, FarSideOrder } from "./far-side-process.ts";
import type { TunnelAnswer, TunnelOrder, Way } from "./tunnel-process.ts";

export type FarSideChild = Child<FarSideOrder, FarSideAnswer> & Pick<FarSideAnswer, "access" | "database">;
export type TunnelChild = Child<TunnelOrder, TunnelAnswer> & Place;

/** Session Manager, the bastion and, unless there is a database, a bulk server; in a process of their own. */
export async function startFarSideChild(
  options: Omit<FarSideOptions, "database"> & { readonly database?: Place } = {},
): Promise<FarSideChild> {
  const child = await startChild<FarSideOrder, FarSideAnswer>(join(import.meta.dirname, "far-side-process.ts"));
  const { access, database } = await child.ask({ do: "start", ...options });
  return { ...child, access, database };
}

/** A tunnel that is up, in a process of its own. */
export async function startTunnelChild(way: Way, nodeOptions: readonly string[] = []): Promise<TunnelChild> {
  const child = await startChild<TunnelOrder, TunnelAnswer>(
    join(import.meta.dirname, "tunnel-process.ts"),
    nodeOptions,
  );
  const { port } = await child.ask({ do: "start", way });
  return { ...child, host: "127.0.0.1", port };
}

/** Through the far side, as fast as it goes unless a pace is given. */
export function ssmWay(
  { access }: Pick<FarSideAnswer, "access">,
  options: { readonly sessions?: number; readonly paceBytesPerMs?: number } = {},
): Way {
  return { kind: "ssm", ...destinationOf(access), ...options };
}
