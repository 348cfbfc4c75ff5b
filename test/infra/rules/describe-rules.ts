import type { Rule } from "./rule.ts";

/** The rules as the page for a security reviewer. */
export function describeRules(rules: readonly Rule[]): string {
  const rows = rules.map(({ id, title, fsbp, protectedOnly, breaks }) => {
    const where = protectedOnly === true ? "protected stages" : "every stage";
    const mark = breaks === undefined ? "" : "\\*";
    return `| ${title}${mark} | ${where} | ${fsbp.join(", ") || "–"} | \`${id}\` |`;
  });
  const exceptions = rules.flatMap(({ id, exceptions: reasons = {} }) =>
    Object.entries(reasons).map(([what, reason]) => `| \`${id}\` | ${what} | ${reason} |`),
  );
  const others = Object.entries(notServed).map(([control, reason]) => `| ${control} | ${reason} |`);
  return [head + rows.join("\n"), exceptionsHead + exceptions.join("\n"), notServedHead + others.join("\n"), ""].join(
    "\n",
  );
}

/** Controls of the standard that a reviewer will look for and that a stage does not meet, with the reason. */
const notServed: Readonly<Record<string, string>> = {
  "EC2.9": "NAT instances have public addresses: that is how the private subnets reach the internet; nothing comes in",
  "RDS.5, RDS.6, RDS.8, RDS.11": "on stages that are not protected: they are cheap, and their data may be lost",
  "RDS.23": "the database listens on PostgreSQL's own port, 5432: who may reach it is said by groups, not by hiding",
  "SecretsManager.1, SecretsManager.4":
    "passwords of the service roles are changed by `postern setup --rotate`, not on a schedule; RDS changes the master's",
};

const head = `# What is promised of every stage

Each line is a test in \`test/infra\`: it holds for \`production\`, \`staging\` and a developer's stage as the real
\`sst.config.ts\` declares them, and it was seen to fail on what SST makes by default (with \\*, where SST keeps the promise
too: on our own declaration, broken on purpose). The ids are those of the AWS
Foundational Security Best Practices standard in Security Hub that a rule serves. This page is made from the rules
(\`npm run test:infra -- -u\`); do not edit it.

| promise | where | FSBP | rule |
|---|---|---|---|
`;

const exceptionsHead = `
## Exceptions
| rule | what it lets pass | why |
|---|---|---|
`;

const notServedHead = `
## Controls that are not met
| FSBP | why |
|---|---|
`;
