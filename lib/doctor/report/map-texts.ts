/** The same document with every text in it changed; keys are ours, and stay. */
export function mapTexts<Document>(document: Document, change: (text: string) => string): Document {
  return changed(document, change) as Document;
}

function changed(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((one) => changed(one, change));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, changed(one, change)]));
}
