import type { Rule } from "./rule.ts";

/** The rules as the page for a security reviewer. */
export function describeRules(rules: readonly Rule[]): string {
  const rows = rules.map(({ id, title, securityHub, protectedOnly, breaks, vanillaOpen }) => {
    const where = protectedOnly === true ? "protected stages" : "every stage";
    const kept = vanillaOpen === true ? "–" : "passes";
    const vanilla = breaks === undefined ? "fails" : kept;
    return `| ${title} | ${where} | ${vanilla} | passes | ${securityHub.join(", ") || "–"} | \`${id}\` |`;
  });
  const exceptions = rules.flatMap(({ id, exceptions: reasons = {}, exceptSsh, exceptExisting }) => {
    const ofSsh = exceptSsh === undefined ? [] : [['every stage with `bastion: "ssh"`', exceptSsh]];
    const ofExisting = exceptExisting === undefined ? [] : [["every stage with `network.existing`", exceptExisting]];
    return [...Object.entries(reasons), ...ofSsh, ...ofExisting].map(
      ([what, reason]) => `| \`${id}\` | ${what} | ${reason} |`,
    );
  });
  const others = Object.entries(notServed).map(([control, reason]) => `| ${control} | ${reason} |`);
  return [head + rows.join("\n"), exceptionsHead + exceptions.join("\n"), notServedHead + others.join("\n"), ""].join(
    "\n",
  );
}

/** Controls of the standard that a reviewer will look for and that a stage does not meet, with the reason. */
const notServed: Readonly<Record<string, string>> = {
  "S3.1, EC2.7, EC2.172, SSM.7":
    "these are settings of the whole account, which no stage touches; each bucket and each disk has its own",
  "EC2.9": "NAT instances have public addresses: that is how the private subnets reach the internet; nothing comes in",
  "EC2.180": "NAT instances pass on what is addressed to others, so that AWS must not check source and destination",
  "EC2.10, EC2.55, EC2.56, EC2.57, EC2.58, EC2.60":
    "calls to AWS leave through NAT, over TLS: an interface endpoint costs some 7 dollars a month in each zone, more than NAT",
  "RDS.5, RDS.6, RDS.8, RDS.11": "on stages that are not protected: they are cheap, and their data may be lost",
  "RDS.23": "the database listens on PostgreSQL's own port, 5432: who may reach it is said by groups, not by hiding",
  "RDS.19, RDS.20, RDS.21, RDS.22":
    "there are no event subscriptions: alarms watch what the database does, and a failed deploy or run says so itself",
  "S3.9":
    "buckets log no access: they hold the runner's code and seeds, are there with long runs only, and have few readers",
  "ECS.12":
    "Container Insights costs more than the task, which runs now and then: its log and the ledger say what it did",
  "SecretsManager.1, SecretsManager.4":
    "passwords of the service roles are changed by `postern setup --rotate`, not on a schedule; RDS changes the master's",
};

/** Controls that other standards have. */
const outsideFsbp = ["EC2.13", "EC2.53", "EC2.54", "Lambda.3", "CloudWatch.16", "ECS.17", "S3.10", "S3.14"];

const head = `# What is promised of every stage

Each line is a test in \`test/infra\`: it holds for \`production\`, \`staging\` and a developer's stage as the real
\`sst.config.ts\` declares them, and it was seen to fail on what SST makes by default
(column "vanilla"; where that passes, or leaves it open, on our own declaration, broken on purpose). The ids are those of the controls in
AWS Security Hub that a rule serves. Most belong to the standard AWS Foundational Security Best Practices (FSBP); ${outsideFsbp.join(", ")}
are in Security Hub without being in it, and are kept because reviewers ask for them. This page is made from the rules
(\`npm run test:infra -- -u\`); do not edit it.

| promise | where | vanilla | ours | Security Hub | rule |
|---|---|---|---|---|---|
`;

const exceptionsHead = `
## Exceptions
| rule | what it lets pass | why |
|---|---|---|
`;

const notServedHead = `
## Controls that are not met
| Security Hub | why |
|---|---|
`;
