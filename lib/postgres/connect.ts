import type { Client } from "pg";
import { type Clock, systemClock } from "#lib/base/clock.ts";
import { type DatabaseAddress, describeAddress } from "./address.ts";
import { AddressedClient, type ClientOptions } from "./client.ts";
import { toDatabaseError } from "./errors.ts";
import { retry, type RetryPolicy } from "./retry.ts";

export type ConnectOptions = ClientOptions & {
  /** Which failures are tried again is said in faults.ts. Default: four attempts within about two seconds. */
  readonly retry?: RetryPolicy | false;
  readonly clock?: Clock;
};

export type Connection = AsyncDisposable & {
  readonly client: Client;
  /** For instance "TLSv1.3"; undefined on a plain connection. */
  readonly tlsVersion: string | undefined;
  close(): Promise<void>;
};

/**
 * The one way to connect. Each attempt opens TCP, starts TLS as the address says, logs in and sets the timeouts, all
 * within the connect timeout; failures that may pass are tried again. After a failure or an abort no socket is left.
 *
 * @throws PosternError with the code that names what stood in the way
 */
export async function connect(address: DatabaseAddress, options: ConnectOptions): Promise<Connection> {
  const attempt = async (): Promise<Connection> => {
    const client = new AddressedClient(address, options);
    await client.connect();
    const close = async () => await client.end();
    return { client, tlsVersion: client.tlsVersion, close, [Symbol.asyncDispose]: close };
  };
  try {
    return await retry(attempt, options.retry ?? {}, {
      clock: options.clock ?? systemClock,
      signal: options.signal,
    });
  } catch (error) {
    throw toDatabaseError(error, `connecting to ${describeAddress(address)} as ${address.user}`);
  }
}
