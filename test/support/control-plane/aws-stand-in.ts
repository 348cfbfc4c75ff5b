import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import type { AwsAccess } from "#lib/stage/aws-access.ts";

/** Something that answers in the place of AWS as the test says, whatever it is asked. */
export async function startAwsStandIn(answer: RequestListener) {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const access: AwsAccess = {
    source: "local-stage",
    endpoint: `http://127.0.0.1:${port}`,
    region: "eu-central-1",
    credentials: { accessKeyId: "AKIA", secretAccessKey: "secret" },
  };
  return {
    access,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
