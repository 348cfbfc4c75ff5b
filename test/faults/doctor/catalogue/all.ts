import type { LabFault } from "../fault.ts";
import { besideProxyFaults } from "./beside-proxy.ts";
import { certificateFaults } from "./certificates.ts";
import { sshFaults } from "./far-end-ssh.ts";
import { ssmFaults } from "./far-end-ssm.ts";
import { kernelFaults } from "./kernel.ts";
import { poolerFaults } from "./pooler.ts";
import { roleFaults } from "./roles.ts";
import { serverFaults } from "./servers.ts";
import { sessionFaults } from "./session.ts";
import { wireFaults } from "./wire.ts";

/** Every fault of the lab, by where it is made. */
export const allFaults: readonly LabFault[] = [
  ...wireFaults,
  ...certificateFaults,
  ...sessionFaults,
  ...kernelFaults,
  ...roleFaults,
  ...serverFaults,
  ...poolerFaults,
  ...besideProxyFaults,
  ...ssmFaults,
  ...sshFaults,
];
