import { directTransport } from "#lib/tunnel/direct/transport.ts";
import { describeTransport } from "./transport-suite.ts";

describeTransport("direct", async (farEnd) => ({
  transport: directTransport(farEnd),
  refusal: "tcp.refused",
  [Symbol.asyncDispose]: async () => {},
}));
