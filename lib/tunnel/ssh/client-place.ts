import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** What `~/.ssh/config` and the default files are relative to. */
export type ClientPlace = {
  readonly home: string;
  /** Who is logged in here: the user there, unless something names another. */
  readonly user: string;
  /** For `SSH_AUTH_SOCK`, and `${NAME}` in the config. */
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** This user on this machine, as ssh would see it. */
export function thisPlace(): ClientPlace {
  return { home: homedir(), user: userInfo().username, env: process.env };
}

/** A file's name with `~` for the home folder: no shell has seen one that comes from a variable or a configuration. */
export function inPlace(file: string, { home }: ClientPlace): string {
  return file === "~" || file.startsWith("~/") ? join(home, file.slice(1)) : file;
}
