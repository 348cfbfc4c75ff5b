import { carrySessionsActions } from "#lib/contract.ts";
import type { Statement } from "../roles.ts";

/** Of the SSM agent on a bastion. AWS takes no resource for these actions. */
export const carrySessions: Statement = {
  Sid: "CarrySessions",
  Action: [...carrySessionsActions],
  Resource: "*",
};
