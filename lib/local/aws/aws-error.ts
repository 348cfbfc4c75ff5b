/**
 * A refusal in AWS's own words: what a client of the local endpoint sees as the error's name and message. It goes
 * over the wire and is never shown as one of Postern's errors; there the SDK's error is translated.
 */
export class AwsError extends Error {
  /** For instance `ParameterNotFound`; clients test it. */
  readonly code: string;
  readonly statusCode: number;
  /** Further members of the error's shape, for instance `Reason`. */
  readonly details: Readonly<Record<string, string>>;

  constructor(code: string, message: string, options: AwsErrorOptions = {}) {
    super(message);
    this.name = "AwsError";
    this.code = code;
    this.statusCode = options.statusCode ?? 400;
    this.details = options.details ?? {};
  }
}

export type AwsErrorOptions = {
  /** Default: 400. */
  readonly statusCode?: number;
  readonly details?: Readonly<Record<string, string>>;
};
