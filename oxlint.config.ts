import { defineConfig, type OxlintOverride } from "oxlint";

/**
 * Who may import whom. A lib folder sees only those listed above it; the entries below lib see only lib.
 * The overrides are generated from this table, so that the rule is said once.
 */
export const libLayers = [
  "base",
  "postgres",
  "migrate",
  "health",
  "stage",
  "control-plane",
  "repair-nat",
  "ssm-protocol",
  "tunnel",
  "doctor",
  "bundle",
  "local",
] as const;
export const neverInFunctions = [
  "control-plane",
  "repair-nat",
  "ssm-protocol",
  "tunnel",
  "doctor/report",
  "bundle",
  "local",
] as const;
const outside = ["infra", "functions", "scripts", "test"] as const;

function forbid(files: string[], folders: readonly string[], message: string): OxlintOverride {
  const group = folders.flatMap((folder) => [`#lib/${folder}/**`, `**/${folder}/**`]);
  return { files, rules: { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] } };
}

const layerOverrides = libLayers.map((layer, index) =>
  forbid(
    [`lib/${layer}/**/*.ts`],
    [...libLayers.slice(index + 1), ...outside],
    `lib/${layer} imports only the folders above it in lib/README.md.`,
  ),
);

/** By where an import leads to, at each depth: the folders of infra/access may be named as lib's are. */
const accessOverrides = ["*", "*/*", "*/*/*"].map((depth): OxlintOverride => {
  const out = depth.replaceAll("*", "..");
  const nearest = "#lib/base/nearest-names.ts";
  const message = `infra/access imports only lib/contract.ts, ${nearest} and itself.`;
  const group = [...libLayers.map((layer) => `#lib/${layer}/**`), `!${nearest}`, `${out}/**`];
  return {
    files: [`infra/access/${depth}.ts`],
    rules: { "no-restricted-imports": ["error", { patterns: [{ group, message }] }] },
  };
});

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "promise", "node", "vitest"],
  categories: { correctness: "error", suspicious: "error", perf: "error" },
  options: { typeAware: true },
  rules: {
    "eslint/eqeqeq": "error",
    // `await using _lock` holds something for the block: its name says what, nobody reads it.
    "eslint/no-underscore-dangle": "off",
    // Statements, batches and retries come one after the other on purpose.
    "eslint/no-await-in-loop": "off",
    // Rows of a query and recorded JSON get their type at the edge by assertion.
    "typescript/no-unsafe-type-assertion": "off",
    "eslint/no-console": "error",
    "eslint/max-lines": ["error", { max: 400 }],
    "import/no-cycle": "error",
    "import/no-default-export": "error",
    "typescript/no-explicit-any": "error",
    "typescript/no-floating-promises": "error",
    "typescript/no-misused-promises": "error",
    "typescript/prefer-nullish-coalescing": "error",
    "typescript/switch-exhaustiveness-check": "error",
  },
  overrides: [
    ...layerOverrides,
    forbid(["lib/contract.ts", "lib/protocol.ts"], [...libLayers, ...outside], "They import no folder."),
    forbid(["functions/*.ts"], [...neverInFunctions, "infra", "scripts", "test"], "functions import only lib."),
    forbid(["scripts/**/*.ts"], ["infra", "functions", "test"], "scripts import only lib."),
    forbid(
      ["infra/**/*.ts"],
      [...libLayers, "functions", "scripts", "test", "access"],
      "infra imports only lib/contract.ts, and leaves infra/access alone.",
    ),
    ...accessOverrides,
    {
      // A deploy is described by constructing: what the resources are for is what they are, not what is done with them.
      files: ["infra/**/*.ts", "**/*sst.config.ts"],
      rules: { "eslint/no-new": "off", "typescript/triple-slash-reference": "off" },
    },
    {
      // SST refuses imports above `$config`: what it sets up for the stage would not be there yet. The first rule counts
      // those alone; the second sees what `run()` awaits, too.
      files: ["**/*sst.config.ts"],
      rules: {
        "import/max-dependencies": ["error", { max: 0 }],
        "no-restricted-imports": [
          "error",
          { patterns: [{ group: ["**", "!./infra/**"], message: "sst.config.ts awaits ./infra and nothing else." }] },
        ],
      },
    },
    {
      // PostgreSQL's enums have dozens of members, of which a rule means a few: its default says what the rest do.
      files: ["lib/migrate/hazards/*.ts"],
      rules: {
        "typescript/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      },
    },
    { files: ["*.config.ts", "migrations/seeds/**/*.ts"], rules: { "import/no-default-export": "off" } },
  ],
  ignorePatterns: ["node_modules", ".sst", ".postern", "dist"],
});
