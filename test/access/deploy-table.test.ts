import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { synthesisedExample } from "./synthesise.ts";

const root = new URL("../../", import.meta.url);
const guide = readFileSync(new URL("docs/access.md", root), "utf8");
/** Types of resources, and the statements that let CI make them. */
const rows = [...guide.matchAll(/^\| (?<types>`\w+:\w+:\w+`.*) \| (?<statements>[^|]+) \|$/gm)].map(({ groups }) => ({
  types: [...String(groups?.["types"]).matchAll(/`([^`]+)`/g)].map(([, type]) => String(type)),
  statements: String(groups?.["statements"]).split(", "),
}));

it("everything that any stage declares is in the guide's table of what a deploy may do", () => {
  const graphs = readdirSync(new URL("test/infra/graphs/", root)).filter((name) => name.endsWith(".txt"));
  const texts = graphs.map((name) => readFileSync(new URL(`test/infra/graphs/${name}`, root), "utf8"));
  const declared = new Set(texts.flatMap((text) => text.match(/(?<=^\w+ \()(?:aws|tls)(?::\w+){2}/gm) ?? []));
  expect(declared.size).toBeGreaterThan(45);
  expect([...declared].toSorted()).toEqual(rows.flatMap(({ types }) => types).toSorted());
});

it("the statements of that table are those of the policies", () => {
  const policies = [...(synthesisedExample().get("development")?.policies ?? [])].filter(([name]) =>
    name.includes("-ci-preview-"),
  );
  const known = new Set(policies.flatMap(([, { Statement }]) => Statement.map(({ Sid }) => String(Sid))));
  expect(rows.flatMap(({ statements }) => statements).filter((name) => !known.has(name))).toEqual([]);
});
