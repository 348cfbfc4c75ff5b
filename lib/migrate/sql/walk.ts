/**
 * Every string that a statement writes out: constants, and the texts of its options, which is where the bodies of
 * functions and DO blocks are. Names are not among them. Iterative, because a long chain of `||` is as deep as it is long.
 */
export function* writtenStrings(tree: unknown): Generator<string> {
  const stack: { readonly value: unknown; readonly isWritten: boolean }[] = [{ value: tree, isWritten: false }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (typeof top.value !== "object" || top.value === null) continue;
    for (const [key, value] of Object.entries(top.value)) {
      const isWritten = top.isWritten || key === "A_Const" || key === "DefElem";
      if (typeof value === "object") stack.push({ value, isWritten });
      else if (isWritten && key === "sval" && typeof value === "string") yield value;
    }
  }
}
