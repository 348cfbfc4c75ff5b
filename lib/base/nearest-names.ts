/** Those of the names that somebody may have meant: the fewest edits away first. Pure. */
export function nearestNames(typed: string, names: readonly string[], count = 3): string[] {
  return names
    .map((name) => ({ name, edits: countEdits(typed.toLowerCase(), name.toLowerCase()) }))
    .toSorted((a, b) => a.edits - b.edits)
    .slice(0, count)
    .map(({ name }) => name);
}

/** Levenshtein's distance, a row at a time; what was left out at an end (a number, a word) counts half. */
function countEdits(typed: string, name: string): number {
  if (name.includes(typed)) return (name.length - typed.length) / 2;
  let above = Array.from({ length: name.length + 1 }, (_, column) => column);
  for (let row = 0; row < typed.length; row += 1) {
    const current = [row + 1];
    for (let column = 1; column <= name.length; column += 1) {
      const replaced = (above[column - 1] ?? 0) + (typed[row] === name[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[name.length] ?? 0;
}
