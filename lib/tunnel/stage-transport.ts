import { formatHostPort } from "#lib/base/host-port.ts";
import type { Manifest } from "#lib/contract.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import type { Transport } from "./transport.ts";

export type StageTransportOptions = {
  readonly manifest: Manifest;
  /** By which the manifest was read. */
  readonly access: AwsAccess;
  /** The access as it is now. */
  readonly findAccess: () => Promise<AwsAccess>;
  /** The manifest as it is now. */
  readonly readManifest: (access: AwsAccess, signal: AbortSignal) => Promise<Manifest>;
  /** The bastion to go through. */
  readonly chooseBastion: (bastions: readonly string[], access: AwsAccess, signal: AbortSignal) => Promise<string>;
  readonly through: (bastion: string, manifest: Manifest, access: AwsAccess) => Transport;
};

/**
 * The way to a stage's database through whichever of its bastions is online. Each link chooses anew, and each but the first
 *
 * 1. finds the access again: a local stage that was restarted has other keys, and may have another port;
 * 2. reads the manifest again: a bastion that was replaced has another id, and a deploy may have given the database another host.
 */
export function stageTransport(options: StageTransportOptions): Transport {
  const { manifest, findAccess, readManifest, chooseBastion, through } = options;
  let { access } = options;
  let known = manifest;
  let isFirst = true;
  return {
    kind: "ssm",
    route: `${formatHostPort(manifest.database)} through ${manifest.bastions.join(" or ")}`,
    connect: async (signal) => {
      if (!isFirst) {
        access = await findAccess();
        // What was known goes on to be used where AWS does not tell: the session itself fails by the same cause, and names it.
        known = await readManifest(access, signal).catch(() => known);
      }
      isFirst = false;
      return await through(await chooseBastion(known.bastions, access, signal), known, access).connect(signal);
    },
  };
}
