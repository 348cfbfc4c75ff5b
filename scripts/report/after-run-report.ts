import type { AfterRun, AfterRunFinding } from "#lib/protocol.ts";
import type { Style } from "../style.ts";

/** What a run has left, for people: what needs somebody, then what could not be checked, then the fingerprint. */
export function describeAfterRun({ fingerprint, findings }: AfterRun, style: Style): string {
  const unchecked = findings.filter(({ code }) => code === "sequence.unchecked");
  return [
    ...describeNeeds({ fingerprint, findings }, style),
    ...describeUnchecked(unchecked).map((line) => style.dim(line)),
    `schema ${fingerprint.slice(0, 12)} ${style.dim(fingerprint.slice(12))}`.trimEnd(),
  ].join("\n");
}

/** Of a run that is not about the schema: only what needs somebody. */
export function describeNeeds({ findings }: AfterRun, style: Style): string[] {
  return findings
    .filter(({ code }) => code !== "sequence.unchecked")
    .map(({ code, message }) => `${style.warn("!")} ${message} ${style.dim(`[${code}]`)}`);
}

/** One line: they are the same after every run. */
function describeUnchecked(findings: readonly AfterRunFinding[]): string[] {
  const [first, ...others] = findings;
  if (first === undefined) return [];
  if (others.length === 0) return [first.message];
  const names = findings.map(({ object }) => object).join(", ");
  return [`Not checked, because the column has no index or this role may not read it: ${names}.`];
}
