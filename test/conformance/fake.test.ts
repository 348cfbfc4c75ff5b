import { carrierTo } from "../support/tunnel/tcp-carrier.ts";
import { describeTransport } from "./transport-suite.ts";

// oxlint-disable-next-line typescript/require-await -- a factory's shape
describeTransport("fake", async (farEnd) => {
  const transport = carrierTo(farEnd);
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
