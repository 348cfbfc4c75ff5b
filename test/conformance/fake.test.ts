import { toDatabaseError } from "#lib/postgres/errors.ts";
import { openTcp } from "#lib/postgres/socket.ts";
import { createFakeTransport } from "../support/tunnel/fake-transport.ts";
import { describeTransport } from "./transport-suite.ts";

describeTransport("fake", async (farEnd) => {
  const transport = createFakeTransport(async (signal) => {
    try {
      return await openTcp(farEnd, signal);
    } catch (error) {
      throw toDatabaseError(error, "opening a stream");
    }
  });
  return {
    transport,
    refusal: "tcp.refused",
    cut: () => transport.links.at(-1)?.cut(),
    stall: () => {
      transport.script.push("hang");
    },
    [Symbol.asyncDispose]: async () => {},
  };
});
