import type { PlanResult } from "#lib/protocol.ts";
import { describePlan } from "../report/plan-report.ts";
import { plainStyle } from "../style.ts";

/** By it the comment is found again; people do not see it. */
const planMarker = "<!-- postern-plan -->";

/** GitHub takes 65,536 characters; escaping may make five of one. */
const maxReportLength = 50_000;

/**
 * A plan as Markdown, for a comment and for a job's summary. Tags, SQL and messages come from whoever wrote the migration:
 * they stand in one `<pre>`, where GitHub makes nothing of them: no markup, no links, no mentions. Pure.
 *
 * @param place where the migrations' files are, as a URL: the report shortens long statements
 */
export function planMarkdown(plan: PlanResult, stage: string, place: string): string {
  const { pending, findings, destructive, planHash } = plan;
  const title = `${planMarker}\n### Migrations of \`${stage}\``;
  if (pending.length === 0 && findings.length === 0) return `${title}\n\nNothing is pending.\n`;
  const figures = [
    `**${pending.length} pending**`,
    ...(destructive ? ["**data is lost, or may be**"] : []),
    ...(findings.length === 0 ? [] : [`**${findings.length} to be settled first**`]),
  ];
  const report = asPreformatted(describePlan(plan, plainStyle));
  return `${title}\n\n${figures.join(" · ")} · plan \`${planHash}\`\n\n${report}\n\nLong statements are shortened: [the files](${place}).\n`;
}

/** Text that GitHub shows as it is. Cut at a line; what is cut is said. */
function asPreformatted(text: string): string {
  const escaped = escapeHtml(text);
  if (escaped.length <= maxReportLength) return `<pre>\n${escaped}\n</pre>`;
  const cut = escaped.slice(0, escaped.lastIndexOf("\n", maxReportLength));
  const lines = escaped.slice(cut.length).split("\n").length - 1;
  return `<pre>\n${cut}\n</pre>\n\n**${lines} more lines are not shown here**: \`postern plan\` prints all of it.`;
}

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Control characters and those that turn the direction of writing would show another text than the one that runs. */
function escapeHtml(text: string): string {
  return text
    .replaceAll(/[&<>"]/g, (character) => entities[character] ?? character)
    .replaceAll(/[^\P{C}\n]/gu, "\u{FFFD}");
}
