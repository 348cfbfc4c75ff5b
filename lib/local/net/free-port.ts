import { createServer } from "node:net";
import { PosternError } from "#lib/base/errors.ts";

export const loopback = "127.0.0.1";

/** A port of the loopback interface that nobody listens on now; someone may, before you do. */
export async function findFreePort(): Promise<number> {
  return listenBriefly(0);
}

/**
 * @param flag the flag or variable that chooses the port, for the message
 * @throws PosternError `port.taken`
 */
export async function assertPortFree(port: number, flag: string): Promise<void> {
  try {
    await listenBriefly(port);
  } catch (error) {
    throw portTaken(port, flag, error);
  }
}

export function portTaken(port: number, flag: string, cause?: unknown): PosternError {
  const isDenied = cause instanceof Error && "code" in cause && cause.code === "EACCES";
  const what = isDenied ? "needs a privilege that this user lacks" : "is taken by another process";
  return new PosternError("port.taken", `Port ${port} on ${loopback} (${flag}) ${what}.`, {
    cause,
    hint: `Free it, or choose another port with ${flag} (0: any free one).`,
  });
}

async function listenBriefly(port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: loopback, exclusive: true }, resolve);
  });
  const address = server.address();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return typeof address === "object" && address !== null ? address.port : port;
}
