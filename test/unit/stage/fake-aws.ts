import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { AwsAccess } from "#lib/stage/aws-access.ts";

export type FakeRequest = {
  readonly path: string;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
};

/** `undefined`: the connection is cut without an answer; "silence": it stays open without one. */
export type FakeAnswer =
  | "silence"
  | { readonly status: number; readonly body: unknown; readonly headers?: Readonly<Record<string, string>> }
  | undefined;

export type FakeAws = AsyncDisposable & { readonly access: AwsAccess; readonly requests: readonly FakeRequest[] };

/** Something that answers HTTP as the test says, for the real AWS SDK to talk to. */
export async function startFakeAws(answer: (request: FakeRequest) => FakeAnswer): Promise<FakeAws> {
  const requests: FakeRequest[] = [];
  const respond = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = { path: incoming.url ?? "", headers: incoming.headers, body: await text(incoming) };
    requests.push(request);
    const reply = answer(request);
    if (reply === "silence") return;
    if (reply === undefined) {
      incoming.socket.destroy();
      return;
    }
    const body = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body);
    outgoing.writeHead(reply.status, { "content-type": "application/x-amz-json-1.1", ...reply.headers }).end(body);
  };
  const server = createServer((incoming, outgoing) => void respond(incoming, outgoing));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    access: {
      source: "environment",
      endpoint: `http://127.0.0.1:${port}`,
      region: "eu-central-1",
      credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "never-printed" },
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** An error as the JSON protocols of AWS send it. */
export function awsError(name: string, message: string, status = 400): FakeAnswer {
  return { status, body: { __type: name, message }, headers: { "x-amzn-errortype": name } };
}
