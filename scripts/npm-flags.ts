import type { Command } from "commander";
import { PosternError } from "#lib/base/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** npm's script is us, not a program that has started us in its turn. */
export function isNpmScript(env: Environment): boolean {
  return /\bcli\.ts\b|\bpostern\b/u.test(env["npm_lifecycle_script"] ?? "");
}

/** npm, or what builds modules with it, has these, too, so that they may stand in an .npmrc; without one a verb does less, or asks. */
const harmless: ReadonlySet<string> = new Set(["all", "ca", "force", "json", "target", "yes"]);

/**
 * Before a `--` npm takes flags for itself, also those that it does not know: `npm run push --dry-run` would push. All that we see
 * of them is npm's settings, which it has in the environment.
 *
 * @throws PosternError `usage.invalid` for a flag of the verb that is among them
 */
export function refuseTakenFlags(command: Command, args: readonly string[], env: Environment): void {
  if (!isNpmScript(env)) return;
  const taken = command.options.flatMap(({ long }) => {
    const name = long?.slice(2) ?? "";
    const value = env[`npm_config_${name.replaceAll("-", "_")}`] ?? "";
    const flag = `--${name}`;
    const isHere = args.some((arg) => arg === flag || arg.startsWith(`${flag}=`));
    return harmless.has(name) || value === "" || value === "false" || isHere ? [] : [flag];
  });
  if (taken.length === 0) return;
  const flags = taken.join(" and ");
  throw new PosternError(
    "usage.invalid",
    `npm has kept ${flags} for itself: \`npm run\` passes on what comes after \`--\`.`,
    {
      hint: `Put -- before the verb's flags: npm run ${command.name()} -- ${taken.join(" ")} …`,
    },
  );
}
