import { describe } from "vitest";
import { sshTransport } from "#lib/tunnel/ssh/transport.ts";
import { isInstalled } from "../support/debian.ts";
import { runKeygen } from "../support/ssh/key-forms.ts";
import { startSshd } from "../support/ssh/sshd.ts";
import { describeTransport } from "./transport-suite.ts";

describe.skipIf(!isInstalled("sshd"))("with a real sshd", () => {
  describeTransport("ssh", async (farEnd) => {
    const key = runKeygen({ type: "ed25519" });
    const sshd = await startSshd({ authorized: [key.publicLine] });
    const transport = sshTransport({
      ...farEnd,
      server: sshd.host,
      serverPort: sshd.port,
      user: sshd.user,
      key: { text: key.text, from: "the test's key" },
      knownHostsFile: sshd.knownHostsFile,
      configFile: false,
    });
    return {
      transport,
      refusal: "ssh.refused",
      cut: () => sshd.cut(),
      stall: () => {
        sshd.silent = true;
      },
      carriers: () => sshd.open,
      [Symbol.asyncDispose]: async () => await sshd[Symbol.asyncDispose](),
    };
  });
});
