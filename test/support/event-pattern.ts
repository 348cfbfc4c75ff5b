/**
 * Whether EventBridge would take an event for a pattern: as much of its documented matching as the stack's patterns use
 * (values, `anything-but`, `exists`, `$or`). A field of objects in a list has the values of all of them.
 *
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 */
export function matchesPattern(pattern: Fields, event: Fields): boolean {
  return matchesAll(pattern, [event]);
}

type Fields = Readonly<Record<string, unknown>>;

function matchesAll(pattern: Fields, nodes: readonly Fields[]): boolean {
  return Object.entries(pattern).every(([key, wanted]) => {
    if (key === "$or") return (wanted as Fields[]).some((one) => matchesAll(one, nodes));
    const values = nodes.flatMap((node) => [node[key]].flat()).filter((value) => value !== undefined);
    if (Array.isArray(wanted)) return wanted.some((one) => matchesOne(one, values));
    return matchesAll(wanted as Fields, values.filter(isFields));
  });
}

function matchesOne(wanted: unknown, values: readonly unknown[]): boolean {
  if (!isFields(wanted)) return values.includes(wanted);
  const [operator, operand] = Object.entries(wanted)[0] ?? [];
  if (operator === "exists") return values.length > 0 === operand;
  if (operator === "anything-but") {
    const others = new Set<unknown>([operand].flat());
    return values.some((value) => !others.has(value));
  }
  throw new Error(`test/support/event-pattern.ts does not know ${operator}.`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
