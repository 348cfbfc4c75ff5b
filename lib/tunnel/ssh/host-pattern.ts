/**
 * OpenSSH's patterns, in `known_hosts` and in `~/.ssh/config`: `*` stands for any run of characters, `?` for one.
 * Case counts: whoever compares host names in known_hosts makes both sides lower-case first. Pure, and no pattern takes long:
 * no regular expression is built of it.
 *
 * @see https://man.openbsd.org/ssh_config#PATTERNS
 */
export function matchesPattern(wanted: string, given: string): boolean {
  let at = 0;
  let star = -1;
  let behindStar = 0;
  let index = 0;
  while (index < given.length) {
    if (wanted[at] === "*") {
      star = at;
      at += 1;
      behindStar = index;
    } else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === given[index])) {
      at += 1;
      index += 1;
    } else if (star === -1) {
      return false;
    } else {
      // The last star takes one more.
      behindStar += 1;
      index = behindStar;
      at = star + 1;
    }
  }
  while (wanted[at] === "*") at += 1;
  return at === wanted.length;
}

/** A list matches where one of its patterns does and none of those with a `!` before it. */
export function matchesPatternList(patterns: readonly string[], text: string): boolean {
  let isMatched = false;
  for (const pattern of patterns) {
    if (pattern.startsWith("!")) {
      if (matchesPattern(pattern.slice(1), text)) return false;
    } else if (matchesPattern(pattern, text)) {
      isMatched = true;
    }
  }
  return isMatched;
}
