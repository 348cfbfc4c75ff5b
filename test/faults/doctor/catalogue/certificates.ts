import { createAuthority, createServerCertificate } from "#lib/base/certificates.ts";
import { startTerminatingProxy, type TerminatingOptions } from "../../../support/faults/terminating-proxy.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import { between, type LabFault, type LabWorld } from "../fault.ts";

const day = 24 * 60 * 60 * 1000;
const loopback = ["localhost", "127.0.0.1"];

/** Certificates that must not be accepted. The proxy behind them would serve: only the verification ends the walk. */
export const certificateFaults: readonly LabFault[] = [
  shows("an expired certificate", "cert.expired", async ({ authority }, random) =>
    createServerCertificate(authority, loopback, past(random)),
  ),
  shows("a certificate that is not valid yet", "cert.not-yet-valid", async ({ authority }, random) =>
    createServerCertificate(authority, loopback, future(random)),
  ),
  shows("a certificate of another authority", "cert.unknown-ca", async () => {
    const other = await createAuthority("Another authority", new Date());
    return await createServerCertificate(other, loopback, new Date());
  }),
  shows("a certificate that signed itself", "cert.unknown-ca", async () => createAuthority("127.0.0.1", new Date())),
  shows("a certificate for another name", "cert.wrong-host", async ({ authority }, random) =>
    createServerCertificate(authority, [`db-${random.below(1000)}.example`, "10.0.0.1"], new Date()),
  ),
  shows("an expired certificate for another name", "cert.expired", async ({ authority }, random) =>
    createServerCertificate(authority, ["db.example"], past(random)),
  ),
  shows("another authority's certificate for another name", "cert.unknown-ca", async () => {
    const other = await createAuthority("Another authority", new Date());
    return await createServerCertificate(other, ["db.example"], new Date());
  }),
  {
    name: "a good certificate, TLS 1.2",
    expected: ["ok"],
    open: async (world) => open(world, { certificate: world.certificate, maxVersion: "TLSv1.2" }),
  },
];

function shows(
  name: string,
  code: string,
  certify: (world: LabWorld, random: SeededRandom) => Promise<TerminatingOptions["certificate"]>,
): LabFault {
  return {
    name,
    expected: [code],
    strikes: "certificate",
    open: async (world, random) => open(world, { certificate: await certify(world, random) }),
  };
}

async function open({ address, authority }: LabWorld, options: Omit<TerminatingOptions, "server">) {
  const proxy = await startTerminatingProxy({ server: address, ...options });
  return {
    address: { ...address, port: proxy.port, ca: [authority.certificate] },
    [Symbol.asyncDispose]: async () => proxy[Symbol.asyncDispose](),
  };
}

/** A year's certificate from then is over. */
function past(random: SeededRandom): Date {
  return new Date(Date.now() - between(random, 367, 700) * day);
}

/** A certificate is valid from the day before it is made. */
function future(random: SeededRandom): Date {
  return new Date(Date.now() + between(random, 2, 300) * day);
}
