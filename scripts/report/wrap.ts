const leastRoom = 20;

/**
 * Text in lines that fit into `columns`, all but the first of them indented. A word that is longer than a line stays whole, for
 * whoever copies it.
 */
export function wrap(text: string, columns: number, indent: number): string {
  const room = Math.max(leastRoom, columns - indent);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}
