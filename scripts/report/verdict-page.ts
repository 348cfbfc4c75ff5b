import { type VerdictPage, verdictPage } from "#lib/doctor/report/verdict-page.ts";
import { verdictCodes } from "#lib/doctor/verdicts.ts";
import type { Style } from "../style.ts";

export function describeVerdictPage({ code, summary, proof, fix, others }: VerdictPage, style: Style): string {
  return [
    `${style.strong(code)}  ${summary}`,
    `${style.dim("proof")}  ${proof}`,
    `${style.dim("fix")}    ${fix}`,
    ...others.flatMap(({ program, texts }) => [style.dim(`what ${program} says of it`), ...texts.map(indent)]),
  ].join("\n");
}

function indent(text: string): string {
  return `  ${text}`;
}

/** `docs/verdicts.md`. */
export function verdictsDocument(): string {
  return `# What the doctor can find

Made from \`lib/doctor/verdicts.ts\` and, for what other programs print, from \`docs/faults.md\`: change it there, then
\`npx vitest run --project unit test/unit/doctor -u\` (twice: one file is made of the other). \`postern doctor explain CODE\` prints one of them. Where AWS itself
refuses, its reason is the verdict (\`aws.*\`, \`secret.*\`): the message says what to do.

${verdictCodes.map((code) => sectionOf(verdictPage(code))).join("\n")}`;
}

function sectionOf({ code, summary, proof, fix, others }: VerdictPage): string {
  const rows = others.flatMap(({ program, texts }) => texts.map((text) => `- ${program}: ${quote(text)}`));
  return `## ${code}
**${summary}**

Proof: ${proof} \\
Fix: ${fix}
${rows.length === 0 ? "" : `\n${rows.join("\n")}\n`}`;
}

/** As code; one that has backticks itself stands between more of them. */
function quote(text: string): string {
  return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text}\``;
}
