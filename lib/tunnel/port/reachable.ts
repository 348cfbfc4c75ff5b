/** Where a client on this machine connects to what listens on `bound`: nobody can connect to "any address". */
export function reachable(bound: string): string {
  if (bound === "0.0.0.0") return "127.0.0.1";
  return bound === "::" ? "::1" : bound;
}
