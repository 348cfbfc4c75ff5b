/** One word of a POSIX shell: the line is there to be pasted, from any folder. */
export function quoteShell(text: string): string {
  return /^[\w/.:-]+$/u.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
