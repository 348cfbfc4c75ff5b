import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { certifiedNames } from "#lib/tunnel/login/names.ts";

describe("the names of a log-in port", () => {
  test("are loopback's, and the address that it listens on", () => {
    expect(certifiedNames("127.0.0.1")).toEqual(["localhost", "127.0.0.1", "::1"]);
    expect(certifiedNames("192.0.2.7")).toEqual(["localhost", "127.0.0.1", "::1", "192.0.2.7"]);
  });

  test.each(["0.0.0.0", "::"])("are all of this machine's where it listens on %s", (bind) => {
    const addresses = Object.values(networkInterfaces()).flatMap((some = []) => some.map(({ address }) => address));
    expect(certifiedNames(bind)).toEqual(expect.arrayContaining(addresses));
    expect(certifiedNames(bind)).not.toContain(bind);
  });
});
