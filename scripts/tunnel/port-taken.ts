import { createServer } from "node:net";
import { PosternError } from "#lib/base/errors.ts";
import { listTunnels } from "#lib/tunnel/registry/registry.ts";

/** Nobody listens there now. */
export async function isPortFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => resolve(true));
  });
  if (!isListening) return false;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return true;
}

/** The failure to listen on a port, in words for one that another tunnel has; any other error as it is. */
export async function namePortOwner(error: unknown, port: number, host: string, folder: string): Promise<unknown> {
  if (!(error instanceof PosternError) || error.code !== "port.taken") return error;
  const owner = (await listTunnels(folder)).find(({ record }) => record.port === port)?.record;
  if (owner === undefined) return error;
  const message = `Port ${port} on ${host} is taken by the tunnel to ${owner.name}, process ${owner.pid}.`;
  return new PosternError("port.taken", message, {
    hint: "Stop that one with `postern ssm-tunnel stop`, or choose another port with --port (0: any free one).",
    cause: error,
  });
}
