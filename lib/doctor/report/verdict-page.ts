import { describeVerdict, type VerdictCode, verdictCodes } from "../verdicts.ts";
import otherPrograms from "./other-programs.json" with { type: "json" };

/** What is known of a verdict: what `doctor explain CODE --json` prints. */
export type VerdictPage = {
  readonly code: VerdictCode;
  readonly summary: string;
  readonly proof: string;
  readonly fix: string;
  /** What other programs print where this is the cause, as the fault lab saw it. */
  readonly others: readonly { readonly program: string; readonly texts: readonly string[] }[];
};

const seen: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = otherPrograms;

export function verdictPage(code: VerdictCode): VerdictPage {
  const others = Object.entries(seen[code] ?? {}).map(([program, texts]) => ({ program, texts }));
  return { code, ...describeVerdict(code), others };
}

/** Undefined for a reason of another table: a transport's, or an error of AWS's. */
export function findVerdictPage(code: string): VerdictPage | undefined {
  const known = verdictCodes.find((one) => one === code);
  return known === undefined ? undefined : verdictPage(known);
}
