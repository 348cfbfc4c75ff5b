/** What services of AWS write into CloudWatch Logs; a group is there once somebody has written into it, or made it. */
export type LogStore = {
  /** Does nothing where the group is there. */
  make(group: string): void;
  write(group: string, line: LogLine): void;
  /** The oldest first. Undefined: there is no such group. */
  read(group: string): readonly LogLine[] | undefined;
};

export type LogLine = { readonly at: Date; readonly message: string };

/** Of each group the newest lines are kept. */
const maxLines = 1000;

export function createLogStore(): LogStore {
  const groups = new Map<string, LogLine[]>();
  const open = (group: string): LogLine[] => {
    const lines = groups.get(group) ?? [];
    groups.set(group, lines);
    return lines;
  };
  return {
    make: (group) => void open(group),
    write: (group, line) => {
      const lines = open(group);
      lines.push(line);
      if (lines.length > maxLines) lines.shift();
    },
    read: (group) => groups.get(group),
  };
}
