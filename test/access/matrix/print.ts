import type { Row } from "./row.ts";

/** The matrix as a page for whoever has to approve the policies. */
export function printMatrix(matrix: Readonly<Record<string, readonly Row[]>>): string {
  const sections = Object.entries(matrix).map(([title, rows]) =>
    [`## ${title}`, "", tableHead, ...rows.map(printRow), ""].join("\n"),
  );
  return [pageHead(Object.values(matrix).flat()), ...sections].join("\n");
}

const tableHead = "| who | asks for | on | where | is | because |\n|---|---|---|---|---|---|";

function pageHead(rows: readonly Row[]): string {
  const count = (decision: Row["decision"]) => rows.filter((row) => row.decision === decision).length;
  return `# Who may do what, row by row

Written by \`npm run test:access -- -u\`; \`docs/access.md\` says what the policies are for. ${rows.length} rows: ${count("allow")} are allowed, ${count("deny")}
denied because nothing allows them, ${count("explicit deny")} denied **whatever else may allow them**. Each is evaluated on the policies as CloudFormation
gets them, with the settings of the tests: account 111111111111 has \`dev\`, \`staging\` and \`preview\`; 222222222222 the protected \`production\`
and \`reports\`, and \`tools\`. "Administrator beside" is somebody to whom another policy allows everything.
The engine has no keys for GitHub's claims \`aud\` and \`sub\`: in the rows about GitHub's jobs it is given them, in the policy and in the request, under the
names of Google's (\`accounts.google.com:sub\`).
`;
}

function printRow({ as, action, on, with: given = {}, decision, because }: Row): string {
  const targets = [on].flat().map(({ name }) => name);
  const context = Object.entries(given).map(([key, value]) => `${key} = ${[value].flat().join(", ")}`);
  const cells = [
    as.name,
    code(action),
    targets.join(" and "),
    context.map(code).join(" "),
    verdicts[decision],
    because,
  ];
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("*", "\\*")).join(" | ")} |`.replaceAll(
    "\\*\\*",
    "**",
  );
}

const verdicts = { allow: "allowed", deny: "denied", "explicit deny": "**denied**" } as const satisfies Record<
  Row["decision"],
  string
>;

function code(text: string): string {
  return `\`${text}\``;
}
