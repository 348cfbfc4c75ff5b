import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";

type Handler = (params: never) => unknown;

/** What components ask of SST's command line while the program runs, and the answers of a region that was bootstrapped. */
function handlers(region: string, workDir: string): Record<string, Handler> {
  return {
    "Provider.Aws.Bootstrap": () => ({
      asset: "sst-asset-test",
      assetEcrRegistryId: "123456789012",
      assetEcrUrl: `123456789012.dkr.ecr.${region}.amazonaws.com/sst-asset`,
      state: "sst-state-test",
      appsyncHttp: "http",
      appsyncRealtime: "realtime",
    }),
    "Provider.Aws.Appsync": () => ({ http: "appsync-http", realtime: "appsync-realtime" }),
    "Runtime.AddTarget": () => true,
    // Bundles are the build's subject, not this one's: any file will do.
    "Runtime.Build": async ({ functionID, handler }: { functionID: string; handler: string }) => {
      const out = path.join(workDir, `${functionID}-src`);
      await rm(out, { recursive: true, force: true });
      await mkdir(out, { recursive: true });
      await writeFile(path.join(out, "bundle.mjs"), "export const handler = async () => {};\n");
      return { handler: `bundle${path.extname(handler)}`, out, errors: [], sourcemaps: [] };
    },
  };
}

/** Stands in for the JSON-RPC server that SST's command line runs beside the program. */
export async function startCommandLineServer(region: string, workDir: string) {
  const known = handlers(region, workDir);
  const server = createServer((request, response) => {
    void (async () => {
      const { method, params } = (await readJson(request)) as { method: string; params: [never] };
      const handler = known[method];
      const reply = handler ? await answer(handler, params[0]) : { error: `rpc: can't find service ${method}` };
      response.setHeader("content-type", "application/json").end(JSON.stringify(reply));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function answer(handler: Handler, params: never): Promise<unknown> {
  try {
    return { result: await handler(params), error: null };
  } catch (error) {
    return { error: String(error) };
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}
