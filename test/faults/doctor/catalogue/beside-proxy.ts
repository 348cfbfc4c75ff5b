import { combine } from "#lib/doctor/combine.ts";
import { examineBothFromInside } from "#lib/doctor/inside.ts";
import { findFreePort } from "#lib/local/net/free-port.ts";
import type { DatabaseAddress } from "#lib/postgres/address.ts";
import type { DoctorReport } from "#lib/protocol.ts";
import type { LabFault } from "../fault.ts";
import { poolerFaults } from "./pooler.ts";
import { sessionFaults } from "./session.ts";

/** What becomes of a stage whose instance is well, and whose proxy is a broken pooler or speaks as RDS Proxy does. */
const ofPoolers = [...poolerFaults, ...sessionFaults].filter(({ name }) =>
  /^PgBouncer|^RDS Proxy|^the proxy/u.test(name),
);

export const besideProxyFaults: readonly LabFault[] = [
  ...ofPoolers.map((fault) => inside(fault, `beside a sound instance: ${fault.name}`)),
  ...ofPoolers
    .filter(({ expected }) => expected.includes("proxy.pool-exhausted"))
    .map((fault) => inside(fault, `beside an instance that is gone: ${fault.name}`, "tcp.refused")),
];

/** @param code where the instance is gone */
function inside({ open, expected, needsProgram }: LabFault, name: string, code?: string): LabFault {
  return {
    name,
    expected: code === undefined ? expected : [code],
    ...(needsProgram === undefined ? {} : { needsProgram }),
    open: async (world, random) => {
      const proxy = await open(world, random);
      const database = code === undefined ? world.address : { ...world.address, port: await findFreePort() };
      return { ...proxy, examine: async (signal) => await examineBoth(database, proxy.address, signal) };
    },
  };
}

/** As the inspect function does it, and as the command line judges it where from here all is as it is inside. */
async function examineBoth(
  database: DatabaseAddress,
  proxy: DatabaseAddress,
  signal: AbortSignal,
): Promise<DoctorReport> {
  const report = await examineBothFromInside({ database: walkTo(database), proxy: walkTo(proxy), signal });
  return { ...report, verdict: combine({ here: report, vpc: report }) };
}

function walkTo({ user, password, ...place }: DatabaseAddress) {
  const login = { user, ...(password === undefined ? {} : { password }) };
  // oxlint-disable-next-line typescript/require-await -- a function's login has to be read
  return { place, login: async () => login };
}
