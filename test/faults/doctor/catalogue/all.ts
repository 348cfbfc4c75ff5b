import type { LabFault } from "../fault.ts";
import { besideProxyFaults } from "./beside-proxy.ts";
import { certificateFaults } from "./certificates.ts";
import { controlPlaneFaults } from "./control-plane.ts";
import { sshFaults } from "./far-end-ssh.ts";
import { ssmFaults } from "./far-end-ssm.ts";
import { kernelFaults } from "./kernel.ts";
import { poolerFaults } from "./pooler.ts";
import { proxyLogFaults } from "./proxy-log.ts";
import { roleFaults } from "./roles.ts";
import { serverFaults } from "./servers.ts";
import { sessionFaults } from "./session.ts";
import { wireFaults } from "./wire.ts";

export type FaultGroup = { readonly name: string; readonly faults: readonly LabFault[] };

/** Every fault of the lab, by where it is made. */
export const faultGroups: readonly FaultGroup[] = [
  { name: "outside of TLS", faults: wireFaults },
  { name: "certificates", faults: certificateFaults },
  { name: "inside of TLS", faults: sessionFaults },
  { name: "packets", faults: kernelFaults },
  { name: "roles", faults: roleFaults },
  { name: "servers", faults: serverFaults },
  { name: "PgBouncer", faults: poolerFaults },
  { name: "beside the proxy", faults: besideProxyFaults },
  { name: "the proxy's log", faults: proxyLogFaults },
  { name: "Session Manager", faults: ssmFaults },
  { name: "SSH", faults: sshFaults },
  { name: "AWS", faults: controlPlaneFaults },
];

export const allFaults: readonly LabFault[] = faultGroups.flatMap(({ faults }) => faults);
