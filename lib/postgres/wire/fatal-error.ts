export type FatalError = {
  /** Five characters: https://www.postgresql.org/docs/current/errcodes-appendix.html */
  readonly sqlState: string;
  readonly message: string;
  readonly hint?: string | undefined;
};

/**
 * ErrorResponse with severity FATAL, after which a server closes:
 *
 * | off | len | |
 * |-----|-----|-|
 * | 0   | 1   | `E` |
 * | 1   | 4   | length, counts itself |
 * | 5   | …   | fields: letter, text, NUL |
 * | end | 1   | NUL |
 */
export function fatalErrorResponse({ sqlState, message, hint }: FatalError): Buffer {
  const fields = [
    ["S", "FATAL"],
    ["V", "FATAL"],
    ["C", sqlState],
    ["M", message],
    ...(hint === undefined ? [] : [["H", hint]]),
  ];
  const body = `${fields.map(([letter, text = ""]) => `${letter}${text.replaceAll("\0", "")}\0`).join("")}\0`;
  const bytes = Buffer.concat([Buffer.from("E\0\0\0\0"), Buffer.from(body)]);
  bytes.writeUInt32BE(bytes.length - 1, 1);
  return bytes;
}
