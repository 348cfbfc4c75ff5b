import { PosternError } from "#lib/base/errors.ts";
import type { HistoryCode } from "#lib/contract.ts";
import type { StatusResult } from "#lib/protocol.ts";
import type { Style } from "../style.ts";

/** Findings for people: each on its line, and after the last of a kind what to do about it, with the flag that lets it be. */
export function describeFindings(
  findings: StatusResult["findings"],
  style: Style,
  allow: readonly HistoryCode[] = [],
): string[] {
  const lines: string[] = [];
  for (const [code, alike] of Map.groupBy(findings, (finding) => finding.code)) {
    const isAllowed = allow.some((one) => one === code);
    const mark = isAllowed ? style.dim("allowed") : style.bad("!");
    for (const { message } of alike) lines.push(`${mark} ${message} ${style.dim(`[${code}]`)}`);
    const { hint } = PosternError.fromDocument({ code, message: "" });
    if (hint !== undefined && !isAllowed) lines.push(style.dim(`  ${hint}`));
  }
  return lines;
}
