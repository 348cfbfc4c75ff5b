import type { Duplex } from "node:stream";
import { encodeSslRequest } from "#lib/postgres/wire/frontend.ts";
import { connectedPair, type FarEnd } from "./fake-transport.ts";

/** A PostgreSQL in memory that knows the TLS request alone, for tests that drive the clock. */
export function fakePostgres(answer: "S" | "N" | "silent" | "close" | Buffer = "S"): FarEnd {
  return async () => {
    const [near, far] = connectedPair();
    far.on("error", () => {});
    far.once("data", (chunk: Buffer) => reply(far, chunk, answer));
    return await Promise.resolve(near);
  };
}

function reply(far: Duplex, chunk: Buffer, answer: string | Buffer): void {
  if (!chunk.equals(encodeSslRequest())) throw new Error(`Expected the TLS request, got ${chunk.toString("hex")}.`);
  if (answer === "silent") return;
  if (answer === "close") far.destroy();
  else {
    far.write(answer);
    // A handshake is more than it knows.
    far.once("data", () => far.destroy());
  }
}
