import { describeVerdict, type VerdictCode, verdictCodes } from "#lib/doctor/verdicts.ts";
import type { Style } from "../style.ts";

/** What `doctor explain CODE --json` prints. */
export type VerdictPage = {
  readonly code: VerdictCode;
  readonly summary: string;
  readonly proof: string;
  readonly fix: string;
};

export function verdictPage(code: VerdictCode): VerdictPage {
  return { code, ...describeVerdict(code) };
}

export function describeVerdictPage({ code, summary, proof, fix }: VerdictPage, style: Style): string {
  return [`${style.strong(code)}  ${summary}`, `${style.dim("proof")}  ${proof}`, `${style.dim("fix")}    ${fix}`].join(
    "\n",
  );
}

/** `docs/verdicts.md`. */
export function verdictsDocument(): string {
  const rows = verdictCodes.map((code) => {
    const { summary, proof, fix } = describeVerdict(code);
    return `| \`${code}\` | ${summary} | ${proof} | ${fix} |`;
  });
  return `# What the doctor can find

Made from \`lib/doctor/verdicts.ts\`: change it there, then \`npx vitest run --project unit test/unit/doctor -u\`.
\`postern doctor explain CODE\` prints one of them. A tunnel's own reasons (\`ssm.*\`, \`ssh.*\`, \`aws.*\`) are verdicts, too:
\`docs/tunnel.md\` has them.

| code | what is broken | what proves it | what to do |
|---|---|---|---|
${rows.join("\n")}
`;
}
