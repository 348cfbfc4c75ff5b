import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { evaluateWhole } from "../support/sst/evaluate.ts";
import { root } from "../support/sst/platform.ts";
import type { RecordedResource } from "../support/sst/recorded.ts";
import { input } from "./rules/rule.ts";
import { everything, parts, stage } from "./stages.ts";

/** The settings of docs/stack.md for its removal. */
const withoutMarks = { protected: false, database: { deletionProtection: false } };

/** Of eu-central-1, where the stack is evaluated: `printf eu-central-1 | sha256sum | cut -c1-4`. */
const ofRegion = "bfec";

/** Names that we give, and that a second resource cannot have; those that SST or the provider makes are another one each time. */
function fixedNameOf(resource: RecordedResource): string | undefined {
  const names = ["identifier", "bucket", "name"].map((key) => input(resource, key));
  const name = names.find((one) => typeof one === "string");
  return typeof name === "string" && name.includes("production") && !/-[a-z]{8}$/.test(name) ? name : undefined;
}

describe("a protected stage", () => {
  it("leaves under fixed names what docs/stack.md says, and nothing else", async () => {
    const { resources } = await evaluateWhole(everything("production"));
    const staying = resources.filter(({ isCustom, options }) => isCustom && options.retainOnDelete);
    const names = new Set(staying.map(fixedNameOf).filter((name) => name !== undefined));
    const text = await readFile(path.join(root, "docs/stack.md"), "utf8");
    const [, table = ""] = /\| what stays \| name \|.*\n\|---.*\n((?:\|.*\n)+)/.exec(text) ?? [];
    const documented = table
      .split("\n")
      .flatMap((row) => [...(row.split("|")[2] ?? "").matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
    const values = { STAGE: "production", ACCOUNT: "123456789012", HASH: ofRegion };
    const told = documented.map((name) =>
      name.replace(/STAGE|ACCOUNT|HASH/g, (key) => values[key as keyof typeof values]),
    );
    expect([...new Set(told)].toSorted()).toEqual([...names].toSorted());
  });

  it("leaves in its own deploy, without its marks, what docs/stack.md names", async () => {
    const marked = await evaluateWhole(everything("production"));
    const unmarked = await evaluateWhole(stage("production", { ...parts, ...withoutMarks }));
    const still = new Set(unmarked.resources.map(({ name }) => name));
    const left = marked.resources.filter(({ name, options }) => options.retainOnDelete && !still.has(name));
    expect(left.map(({ name }) => name).toSorted()).toEqual(["DatabaseMonitoringPolicy", "DatabaseMonitoringRole"]);
    expect(await readFile(path.join(root, "docs/stack.md"), "utf8")).toContain("the role `DatabaseMonitoringRole-…`");
  });

  it("has no marks left, and a final snapshot, with the settings that docs/stack.md names for its removal", async () => {
    const evaluation = await evaluateWhole(
      stage("production", {
        longRuns: true,
        alarms: { email: "on-call@example.com" },
        ...withoutMarks,
      }),
    );
    expect(evaluation.app).toMatchObject({ protect: false, removal: "remove" });
    expect(evaluation.resources.filter(({ options }) => options.protect).map(({ name }) => name)).toEqual([]);
    const staying = evaluation.resources.filter(({ isCustom, options }) => isCustom && options.retainOnDelete);
    expect(staying.map(({ name }) => name).toSorted()).toEqual(["LongRunBundle", "NetworkFlowLog"]);
    const instance = evaluation.resources.find(({ name }) => name === "DatabaseInstance");
    expect(instance?.inputs).toMatchObject({
      deletionProtection: false,
      skipFinalSnapshot: false,
      finalSnapshotIdentifier: "postern-production-final",
    });
  });
});
