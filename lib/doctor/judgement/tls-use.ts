import type { Attempt } from "../evidence.ts";
import type { Findings } from "../findings.ts";

/** Whether a connection runs over TLS; `none`: the server has no TLS; `unknown`: it was not asked. */
export type TlsUse = "on" | "none" | "unknown";

export function tlsUseOf({ hasTls }: Pick<Findings, "hasTls">, { steps }: Attempt): TlsUse {
  const hasPassed = (wanted: string) => steps.some(({ name, failure }) => name === wanted && failure === undefined);
  if (hasPassed("tls")) return "on";
  return hasPassed("ssl-request") || hasTls === false ? "none" : "unknown";
}
