import type { Manifest } from "#lib/contract.ts";
import type { Transport } from "./transport.ts";

export type StageTransportOptions = {
  readonly manifest: Manifest;
  /** The manifest as it is now. */
  readonly readManifest: (signal: AbortSignal) => Promise<Manifest>;
  /** The bastion to go through. */
  readonly chooseBastion: (bastions: readonly string[], signal: AbortSignal) => Promise<string>;
  readonly through: (bastion: string, manifest: Manifest) => Transport;
};

/**
 * The way to a stage's database through whichever of its bastions is online. Each link chooses anew, and each but the first reads
 * the manifest again: a bastion that was replaced has another id, and a deploy may have given the database another host.
 */
export function stageTransport({ manifest, readManifest, chooseBastion, through }: StageTransportOptions): Transport {
  let known = manifest;
  let isFirst = true;
  const { host, port } = manifest.database;
  return {
    kind: "ssm",
    route: `${host}:${port} through ${manifest.bastions.join(" or ")}`,
    connect: async (signal) => {
      // What was known goes on to be used where AWS does not tell: the session itself fails by the same cause, and names it.
      if (!isFirst) known = await readManifest(signal).catch(() => known);
      isFirst = false;
      return await through(await chooseBastion(known.bastions, signal), known).connect(signal);
    },
  };
}
