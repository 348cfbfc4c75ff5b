import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { evaluate, evaluateWhole } from "../support/sst/evaluate.ts";
import { bundlesDir, root } from "../support/sst/platform.ts";
import { input, ofType } from "./rules/rule.ts";

afterEach(() => vi.unstubAllEnvs());

describe("the bundles of a deploy", () => {
  it("are those of the project's own build", async () => {
    const built = await evaluateWhole({ stage: "dev", builds: true });
    const lambdas = ofType(built, "aws:lambda/function:Function");
    expect(lambdas.map((lambda) => String(input(lambda, "code"))).toSorted()).toEqual([
      "dist/functions/health",
      "dist/functions/inspect",
      "dist/functions/runner",
    ]);
    for (const name of ["index.mjs", "ca.pem"]) {
      const [one, other] = await Promise.all(
        [path.join(root, "dist/functions"), bundlesDir].map((dir) => readFile(path.join(dir, "runner", name), "utf8")),
      );
      expect(one).toBe(other);
    }
  });

  it("stop the deploy before anything is declared when they cannot be built", async () => {
    vi.stubEnv("POSTERN_RDS_CA", path.join(root, "package.json"));
    const { errors, resources } = await evaluate({ stage: "broken", builds: true });
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toMatch(/cannot be deployed; nothing was changed:.*package\.json/s);
    expect(resources.filter(({ isCustom }) => isCustom)).toEqual([]);
  });

  it("stop the deploy when a folder of ready ones is not whole", async () => {
    const dir = await mkdtemp(path.join(tmpdir(), "postern-bundles-"));
    try {
      for (const part of ["runner", "inspect"]) await symlink(path.join(bundlesDir, part), path.join(dir, part));
      vi.stubEnv("POSTERN_BUNDLES", dir);
      const { errors, resources } = await evaluate({ stage: "half" });
      expect(errors[0]).toContain(path.join(dir, "health/index.mjs"));
      expect(resources.filter(({ isCustom }) => isCustom)).toEqual([]);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
