import { matchesPatternList } from "./host-pattern.ts";
import type { ConfigCondition, ConfigEntry, MatchCriterion } from "./config-file.ts";

export type MatchSubject = {
  readonly alias: string;
  /** Where the caller names one, which then wins over the file's. */
  readonly user: string | undefined;
  readonly localUser: string;
  /** What could not be decided is added here. */
  readonly remarks: string[];
};

/**
 * The entries that apply to a host, in the order of the file: the first of a keyword wins. What a block's conditions are
 * compared with (`HostName`, `User`) is what the entries before it say. Pure.
 *
 * `Match exec` never holds: a file that comes with a repository or a container must not run programs here.
 *
 * @see https://man.openbsd.org/ssh_config#Match
 */
export function selectEntries(entries: readonly ConfigEntry[], subject: MatchSubject): readonly ConfigEntry[] {
  const selected: ConfigEntry[] = [];
  // A block is decided upon where it begins; its own entries do not undo it.
  const decided = new Map<ConfigCondition, boolean>();
  const valueOf = (keyword: string) => selected.find((entry) => entry.keyword === keyword)?.values[0];
  const holds = (condition: ConfigCondition) => {
    const before = decided.get(condition);
    if (before !== undefined) return before;
    const now =
      condition.kind === "host"
        ? matchesPatternList(condition.patterns, subject.alias)
        : matchesCriteria(condition.criteria, condition.file, {
            ...subject,
            hostName: (valueOf("hostname") ?? subject.alias).replaceAll("%h", subject.alias),
            user: subject.user ?? valueOf("user"),
          });
    decided.set(condition, now);
    return now;
  };
  for (const entry of entries) {
    // An inner condition is not looked at where an outer one fails.
    if (entry.conditions.every(holds)) selected.push(entry);
  }
  return selected;
}

function matchesCriteria(
  criteria: readonly MatchCriterion[],
  file: string,
  subject: MatchSubject & { readonly hostName: string },
): boolean {
  const undecided: string[] = [];
  for (const { name, isNegated, value } of criteria) {
    const matches = (text: string) => matchesPatternList(value.split(","), text) !== isNegated;
    switch (name) {
      case "all":
        if (isNegated) return false;
        break;
      case "host":
        if (!matches(subject.hostName)) return false;
        break;
      case "originalhost":
        if (!matches(subject.alias)) return false;
        break;
      case "user":
        if (!matches(subject.user ?? subject.localUser)) return false;
        break;
      case "localuser":
        if (!matches(subject.localUser)) return false;
        break;
      case "canonical":
      case "final":
        // Both are of a second pass, which is not made.
        if (!isNegated) return false;
        break;
      default:
        undecided.push(name);
    }
  }
  if (undecided.length === 0) return true;
  const what = undecided.map((name) => `Match ${name}`).join(" and ");
  subject.remarks.push(`${what} in ${file} is not evaluated: its settings for ${subject.alias} are left out`);
  return false;
}
