import { expect, it } from "vitest";
import { toCopyText } from "#lib/migrate/seed/write/copy-text.ts";

it("writes rows as COPY reads them", () => {
  const columns = [
    ["1", null, "\\."],
    ["tab\tline\nreturn\rback\\slash", "", "\\N"],
  ];
  const text = String.raw`1	tab\tline\nreturn\rback\\slash
\N	
\\.	\\N
`;
  expect(toCopyText(columns, 3).toString()).toBe(text);
});
