import { hostname, networkInterfaces } from "node:os";

/** Where a client on this machine connects to: nobody can connect to "any address". */
export function reachable(bind: string): string {
  if (bind === "0.0.0.0") return "127.0.0.1";
  return bind === "::" ? "::1" : bind;
}

/** What the certificate is for: loopback, and whatever else clients may call the place that is listened on. */
export function certifiedNames(bind: string): readonly string[] {
  const isEverywhere = bind !== reachable(bind);
  const others = isEverywhere ? [hostname(), ...addressesOfThisMachine()] : [bind];
  return [...new Set(["localhost", "127.0.0.1", "::1", ...others])];
}

function addressesOfThisMachine(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
}
