import { setTimeout as delay } from "node:timers/promises";
import type { SessionGateway } from "#lib/local/gateway/gateway.ts";
import { gatewayFaults, type ScheduledFault } from "./schedule.ts";

/** Makes the fault happen; done when it is over. */
export async function inject(gateway: SessionGateway, fault: ScheduledFault): Promise<void> {
  const faults = gatewayFaults(fault);
  if (faults !== undefined) gateway.faults = faults;
  switch (fault.kind) {
    case "close":
      gateway.dropSockets();
      return;
    case "cut":
      gateway.dropSockets("cut");
      return;
    case "kill-agents":
      gateway.killAgents();
      return;
    case "end-session":
      gateway.closeChannels("An administrator ended it.");
      return;
    case "pause":
      gateway.publish(false);
      await delay(fault.ms);
      gateway.publish(true);
      return;
    case "forget-session":
      gateway.dropSockets("cut");
      break;
    case "lose":
    case "duplicate":
    case "reorder":
    case "delay":
    case "storm":
    case "black-hole":
    case "silent-agent":
      break;
    default:
      fault.kind satisfies never;
  }
  await delay(fault.ms);
  gateway.faults = {};
}
