import { Command } from "commander";
import { expect, test } from "vitest";
import { refuseTakenFlags } from "../../../scripts/npm-flags.ts";

const migrate = new Command("migrate").option("--stage <name>").option("--dry-run");
const env = { npm_lifecycle_script: "postern migrate --stage=$npm_config_stage", npm_config_stage: "dev" };

test.each([[["migrate", "--stage", "dev"]], [["migrate", "--stage=dev"]]])(
  "a flag that npm has is taken from nobody where it is there, too: %j",
  (args) => {
    expect(() => refuseTakenFlags(migrate, args, env)).not.toThrow();
  },
);

test.each([[["migrate"]], [["migrate", "--stages=dev"]], [["migrate", "stage=dev"]]])(
  "a flag that npm has alone is refused: %j",
  (args) => {
    expect(() => refuseTakenFlags(migrate, args, env)).toThrow(/npm has kept --stage for itself/);
  },
);
