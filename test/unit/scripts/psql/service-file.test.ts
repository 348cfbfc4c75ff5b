import { expect, test } from "vitest";
import { withEntry } from "../../../../scripts/psql/service-file.ts";

const entry = { name: "postern-dev", values: { host: "db", port: "20001" } };
const own = "[postern-dev]\nhost=db\nport=20001\n";

test.each([
  ["", own],
  ["[other]\nhost=x\n", `[other]\nhost=x\n\n${own}`],
  ["# mine\n[postern-dev]\nhost=old\nuser=me\n", `# mine\n${own}`],
  ["[postern-dev]\nhost=old\n\n[other]\nhost=x\n", `${own}\n[other]\nhost=x\n`],
  ["[other]\r\nhost=x\r\n", `[other]\nhost=x\n\n${own}`],
])("into the file %j the entry goes without touching another", (text, expected) => {
  expect(withEntry(text, entry)).toBe(expected);
  expect(withEntry(expected, entry)).toBe(expected);
});
