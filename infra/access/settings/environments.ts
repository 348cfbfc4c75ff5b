import { nearestNames } from "#lib/base/nearest-names.ts";
import { baselineName } from "../names.ts";
import type { Account } from "../settings.ts";

type Places = Pick<Account, "name" | "stages" | "environments">;

/** What is wrong with the environments of an account, each in itself well-formed. Pure. */
export function findWrongEnvironments(account: Places): string[] {
  const found = [findUnknown, findReach, findUnpinned].flatMap((find) => find(account));
  return found.map((problem) => `accounts: ${account.name}: ${problem}`);
}

/**
 * A plain name is a stage of the account: stages that come and go, as previews, are named by their beginning. The baseline's own
 * name is refused by itself.
 */
function findUnknown({ stages, environments }: Places): string[] {
  const known = Object.keys(stages);
  const nearest = (given: string) =>
    known.length === 0 ? "the account has none" : `the nearest is ${nearestNames(given, known, 1).join("")}`;
  return Object.entries(environments).flatMap(([environment, { deploys, migrates }]) =>
    namesOf({ deploys, migrates })
      .filter((given) => !isBeginning(given) && given !== baselineName && !Object.hasOwn(stages, given))
      .map(
        (given) => `the environment ${environment} names ${given}; expected a stage of the account, ${nearest(given)}`,
      ),
  );
}

/**
 * Names in ARNs end with what comes after the stage's: a role for the stage `eu` would reach what belongs to `eu-west`, and one for
 * `p-*` a protected stage that begins so, or what another environment has by `p-eu-*`.
 */
function findReach({ stages, environments }: Places): string[] {
  return Object.entries(environments).flatMap(([environment, own]) => {
    const others = Object.entries(environments)
      .filter(([other]) => other !== environment)
      .flatMap(([other, names]) =>
        namesOf(names)
          .filter(isBeginning)
          .map((name) => ({ name, said: `${name} of the environment ${other}` })),
      );
    const reachable = [...Object.keys(stages).map((name) => ({ name, said: `the stage ${name}` })), ...others];
    return namesOf(own).flatMap((given) => {
      const beginning = isBeginning(given) ? given.slice(0, -1) : `${given}-`;
      return reachable
        .filter(({ name }) => name !== given && name.startsWith(beginning))
        .map(
          ({ said }) =>
            `the environment ${environment} with ${given} would reach ${said}; expected a name that none begins with`,
        );
    });
  });
}

/** Else what somebody pushes to a branch of his own is run with the rights to a protected stage. */
function findUnpinned({ stages, environments }: Places): string[] {
  return Object.entries(environments).flatMap(([environment, { branch, ...names }]) =>
    namesOf(names)
      .filter((one) => branch === undefined && stages[one]?.protected === true)
      .map(
        (one) => `the environment ${environment} is for jobs of any branch, and ${one} is protected; expected a branch`,
      ),
  );
}

function namesOf({ deploys, migrates }: Pick<Account["environments"][string], "deploys" | "migrates">): string[] {
  return [...new Set([...deploys, ...migrates])];
}

function isBeginning(given: string): boolean {
  return given.endsWith("-*");
}
