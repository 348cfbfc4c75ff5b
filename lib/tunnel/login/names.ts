import { hostname, networkInterfaces } from "node:os";
import { reachable } from "../port/reachable.ts";

/** What the certificate is for: loopback, and whatever else clients may call the place that is listened on. */
export function certifiedNames(bind: string): readonly string[] {
  const isEverywhere = bind !== reachable(bind);
  const others = isEverywhere ? [hostname(), ...addressesOfThisMachine()] : [bind];
  return [...new Set(["localhost", "127.0.0.1", "::1", ...others])];
}

function addressesOfThisMachine(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
}
