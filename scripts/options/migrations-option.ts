import { resolve } from "node:path";
import { type Command, Option } from "commander";

/** Gives a verb the flag that names the migrations folder. */
export function addMigrationsOption(command: Command): Command {
  return command.addOption(
    new Option("--dir <folder>", "migrations folder, as drizzle-kit writes it")
      .env("POSTERN_DIR")
      .default("migrations"),
  );
}

export function readMigrationsOption(command: Command): string {
  return resolve(command.opts<{ readonly dir: string }>().dir);
}
