import { Command } from "commander";
import { expect, test } from "vitest";
import { silentContext } from "../../../support/silent-context.ts";
import { registerPsql } from "../../../../scripts/commands/psql.ts";
import { registerSsmTunnel } from "../../../../scripts/commands/ssm-tunnel.ts";

test.each([
  ["ssm-tunnel", registerSsmTunnel],
  ["psql", registerPsql],
] as const)("every flag of %s and its subcommands has its variable", (name, register) => {
  const command = new Command(name);
  register(command, silentContext);
  const options = [command, ...command.commands].flatMap((one) => one.options.filter(({ hidden }) => !hidden));
  expect(options.length).toBeGreaterThan(15);
  for (const { long = "", envVar } of options) {
    expect(envVar).toBe(`POSTERN_${long.slice(2).toUpperCase().replaceAll("-", "_")}`);
  }
});
