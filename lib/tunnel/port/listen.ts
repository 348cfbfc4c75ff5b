import type { AddressInfo, Server } from "node:net";
import { PosternError } from "#lib/base/errors.ts";
import { describePortOwner } from "./port-owner.ts";

/**
 * Listens for this machine's clients; the port is not shared with another process of ours.
 *
 * @throws PosternError `port.taken`, which names the process that has it where the system tells; `usage.invalid` for an
 * address that this machine does not have
 */
export async function listenForClients(
  server: Server,
  { port, bind }: { readonly port: number; readonly bind: string },
): Promise<AddressInfo> {
  // Node takes "" for every address, as a variable that is set and empty would have it.
  if (bind === "") throw noAddress(bind);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ port, host: bind, exclusive: true }, resolve);
  try {
    await promise;
  } catch (error) {
    throw await explain(error, bind, port);
  }
  server.off("error", reject);
  return server.address() as AddressInfo;
}

async function explain(cause: unknown, bind: string, port: number): Promise<unknown> {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const where = `Port ${port} on ${bind}`;
  const hint = "Free it, or choose another with --port (0: any free one).";
  if (code === "EADDRINUSE") {
    const who = (await describePortOwner(port)) ?? "another process";
    return new PosternError("port.taken", `${where} is taken by ${who}.`, { cause, hint });
  }
  if (code === "EACCES") {
    return new PosternError("port.taken", `${where} needs a privilege that this user lacks.`, { cause, hint });
  }
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return noAddress(bind, cause);
  return cause;
}

function noAddress(bind: string, cause?: unknown): PosternError {
  const message = `This machine has no address ${JSON.stringify(bind)} to listen on: expected one of its own, as 127.0.0.1.`;
  return new PosternError("usage.invalid", message, {
    cause,
    hint: "Leave out --bind, or name one of this machine's.",
  });
}
