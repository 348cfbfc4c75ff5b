/** What was seen, one after the other. The sentence of an error has a full stop of its own, which only the last one keeps. */
export function joinEvidence(...seen: readonly (string | undefined)[]): string {
  const said = seen.filter((one) => one !== undefined).filter((one) => one !== "");
  return said.map((one, index) => (index === said.length - 1 ? one : one.replace(/\.$/, ""))).join("; ");
}
