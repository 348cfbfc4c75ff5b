import type { ClientBase, Connection, Submittable } from "pg";

/** A script that failed: the server's own error is the `cause`. */
export class ScriptError extends Error {
  /** Statements of the script that were completed before. */
  readonly completed: number;

  constructor(cause: Error, completed: number) {
    super(cause.message, { cause });
    this.name = "ScriptError";
    this.completed = completed;
  }
}

/**
 * Sends several statements in one message (a simple Query), which costs one round trip, and throws their rows away as they
 * come. The server runs them one after the other and stops at the first that fails; a transaction that the script began
 * is then still open. A statement that wants rows from the client (`COPY … FROM STDIN`) fails.
 *
 * @param onCompleted called after each statement with the number of those done
 * @throws ScriptError
 */
export async function runScript(
  client: ClientBase,
  sql: string,
  onCompleted?: (completed: number) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.query(new Script(sql, onCompleted, resolve, reject));
  });
}

/** What node-postgres calls of a query object (its lib/client.js); it counts and keeps nothing. */
class Script implements Submittable {
  readonly #sql: string;
  readonly #onCompleted: ((completed: number) => void) | undefined;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #completed = 0;
  #error: Error | undefined;

  constructor(
    sql: string,
    onCompleted: ((completed: number) => void) | undefined,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    this.#sql = sql;
    this.#onCompleted = onCompleted;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    connection.query(this.#sql);
  }

  handleCommandComplete(): void {
    this.#completed += 1;
    this.#onCompleted?.(this.#completed);
  }

  /** Also called for a connection that is lost, and then nothing follows; after the server's own error it is ready soon. */
  handleError(error: Error): void {
    this.#error = error;
    this.#reject(new ScriptError(error, this.#completed));
  }

  handleReadyForQuery(): void {
    if (this.#error === undefined) this.#resolve();
  }

  handleCopyInResponse(connection: Connection & { sendCopyFail(reason: string): void }): void {
    connection.sendCopyFail("there is no client that sends rows");
  }

  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleCopyData(): void {}
  handleEmptyQuery(): void {}
}
