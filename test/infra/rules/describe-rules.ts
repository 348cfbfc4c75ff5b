import type { Rule } from "./rule.ts";

/** The rules as the page for a security reviewer. */
export function describeRules(rules: readonly Rule[]): string {
  const rows = rules.map(({ id, title, fsbp, protectedOnly, breaks }) => {
    const where = protectedOnly === true ? "protected stages" : "every stage";
    const mark = breaks === undefined ? "" : "\\*";
    return `| ${title}${mark} | ${where} | ${fsbp.join(", ") || "–"} | \`${id}\` |`;
  });
  return `${head}${rows.join("\n")}\n`;
}

const head = `# What is promised of every stage

Each line is a test in \`test/infra\`: it holds for \`production\`, \`staging\` and a developer's stage as the real
\`sst.config.ts\` declares them, and it was seen to fail on what SST makes by default (with \\*, where SST keeps the promise
too: on our own declaration, broken on purpose). The ids are those of the AWS
Foundational Security Best Practices standard in Security Hub that a rule serves. This page is made from the rules
(\`npm run test:infra -- -u\`); do not edit it.

| promise | where | FSBP | rule |
|---|---|---|---|
`;
