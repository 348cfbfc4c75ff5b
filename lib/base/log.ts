/** Where a part says what it does. Fields are data for machines; secrets never go in. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
}

/** Not those that a line has already, which they would replace: an alarm looks for the message. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>> & {
  readonly level?: never;
  readonly message?: never;
};

/** One JSON document a line, as CloudWatch Logs and other collectors read it. */
export function createJsonLog(write: (line: string) => void): Log {
  const line = (level: string) => (message: string, fields?: LogFields) => {
    write(JSON.stringify({ level, message, ...fields }));
  };
  return { info: line("info"), warn: line("warn") };
}
