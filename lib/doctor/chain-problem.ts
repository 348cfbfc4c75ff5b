import type { TLSSocket } from "node:tls";

/** What OpenSSL found first where a chain does not verify. */
export type ChainProblem = {
  /** Node's word for it. */
  readonly code: string;
  /** OpenSSL's sentence for what is wrong with a certificate, whoever is trusted; absent where that, or a date, is the trouble. */
  readonly flaw?: string;
};

/** Of the certificates themselves, whoever is trusted. */
const flaws: ReadonlySet<string> = new Set(["UNSPECIFIED", "INVALID_PURPOSE", "PATH_LENGTH_EXCEEDED"]);

/** Undefined where the chain verifies. */
export function chainProblemOf(secured: TLSSocket): ChainProblem | undefined {
  // Types know an error; without verification it is only that error's code.
  const error = secured.authorizationError as Error | string | null;
  if (error === null) return undefined;
  const code = typeof error === "string" ? error : "code" in error ? String(error.code) : error.message;
  return flaws.has(code) ? { code, flaw: sentenceOf(secured) ?? code } : { code };
}

/**
 * A weak signature, a short key and a name that the authority may not sign for are all UNSPECIFIED to Node, which keeps the
 * sentence to itself.
 */
function sentenceOf(secured: TLSSocket): string | undefined {
  const { _handle: handle } = secured as { _handle?: { verifyError?: () => Error | null } };
  return handle?.verifyError?.()?.message;
}
