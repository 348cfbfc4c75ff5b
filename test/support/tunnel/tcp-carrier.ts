import { PosternError } from "#lib/base/errors.ts";
import { toDatabaseError } from "#lib/postgres/errors.ts";
import { openTcp } from "#lib/postgres/socket.ts";
import { createFakeTransport, type FakeTransport } from "./fake-transport.ts";

/**
 * The fake transport over real connections to a real server, so that a test says when its links die while real clients
 * and a real PostgreSQL are at either end.
 */
export function carrierTo(target: { readonly host: string; readonly port: number }): FakeTransport {
  return createFakeTransport(async (signal) => {
    try {
      return await openTcp(target, signal);
    } catch (error) {
      throw error instanceof PosternError ? error : toDatabaseError(error, "opening a stream");
    }
  });
}
