import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { StepFailed } from "../evidence.ts";
import { timedOut } from "../conversation.ts";

/**
 * The addresses of a name, of both families, as the system would use them. Node's lookup cannot be cancelled: what comes
 * too late is dropped.
 */
export async function resolveName(
  host: string,
  signal: AbortSignal,
): Promise<{ readonly detail: string; readonly found: readonly string[] }> {
  if (isIP(host) !== 0) return { detail: `${host} is an address`, found: [host] };
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(timedOut(undefined)), { once: true });
  });
  try {
    const found = (await Promise.race([lookup(host, { all: true }), late])).map(({ address }) => address);
    return { detail: `${host} is ${found.join(", ")}`, found };
  } catch (error) {
    const errno = error instanceof Error && "code" in error ? String(error.code) : undefined;
    if (errno === undefined) throw error;
    throw new StepFailed({ kind: "errno", errno, ms: 0 }, `the resolver says ${errno} for ${host}`);
  }
}
