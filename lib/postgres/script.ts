import { once } from "node:events";
import type { Writable } from "node:stream";
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
 * @param onCompleted called after each statement with the number of those done, and the server's tag of it: `INSERT 0 1`, `COMMIT`
 * @throws ScriptError
 */
export async function runScript(
  client: ClientBase,
  sql: string,
  onCompleted?: (completed: number, command: string) => void,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    client.query(new Script(sql, onCompleted, resolve, reject));
  });
}

/** What node-postgres calls of a query object (its lib/client.js); it counts and keeps nothing. */
class Script implements Submittable {
  readonly #sql: string;
  readonly #onCompleted: ((completed: number, command: string) => void) | undefined;
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #completed = 0;
  #error: Error | undefined;

  constructor(
    sql: string,
    onCompleted: ((completed: number, command: string) => void) | undefined,
    resolve: () => void,
    reject: (error: Error) => void,
  ) {
    this.#sql = sql;
    this.#onCompleted = onCompleted;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    if (this.#sql.length <= maxWholeLength) connection.query(this.#sql);
    else void sendInPieces(connection.stream, this.#sql);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#completed += 1;
    this.#onCompleted?.(this.#completed, text);
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

/** UTF-16 units of a script that goes to the socket as one; the driver and TLS hold that several times over. */
const maxWholeLength = 1024 * 1024;

/**
 * Sends a Query message ('Q', length, text, NUL) piece by piece, each when the one before has gone. When the connection is lost
 * meanwhile the driver tells the query.
 */
async function sendInPieces(stream: Writable, sql: string): Promise<void> {
  const head = Buffer.from("Q\0\0\0\0", "latin1");
  head.writeUInt32BE(4 + Buffer.byteLength(sql) + 1, 1);
  const lost = new AbortController();
  const onClose = () => lost.abort();
  stream.once("close", onClose);
  try {
    for (const piece of piecesOf(head, sql)) {
      if (stream.destroyed) return;
      if (stream.write(piece)) continue;
      await once(stream, "drain", { signal: lost.signal }).catch(() => undefined);
    }
  } finally {
    stream.off("close", onClose);
  }
}

function* piecesOf(head: Buffer, sql: string): Generator<Buffer> {
  yield head;
  for (let start = 0; start < sql.length;) {
    let end = Math.min(start + maxWholeLength, sql.length);
    // Not between the halves of a pair.
    if (end < sql.length && /[\uD800-\uDBFF]/u.test(sql.charAt(end - 1))) end -= 1;
    yield Buffer.from(sql.slice(start, end));
    start = end;
  }
  yield Buffer.from([0]);
}
