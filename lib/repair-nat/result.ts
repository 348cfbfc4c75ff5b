import type { DoctorVerdict, ErrorReply } from "#lib/protocol.ts";

/** `postern repair-nat --json`. */
export type RepairNatResult = {
  /** What would be done, or was, in this order. */
  readonly plan: readonly RepairStep[];
  /** Names exactly these steps: `--approve` takes it. */
  readonly planHash: string;
  /** What was done of it, in this order. */
  readonly applied: readonly AppliedRepairStep[];
  /** What cannot be mended from here, and what mends it. */
  readonly unmended: readonly RepairFinding[];
  /** What differs from the deploy and is left as it is, because it works or is not the stage's. */
  readonly left: readonly Omit<RepairFinding, "fix">[];
  /** What was found afterwards; absent where nothing was to be done, or nothing was. */
  readonly verified?: RepairVerification;
  /** Why not all of the plan was done. */
  readonly error?: ErrorReply["error"];
};

export type RepairKind =
  | "start-instance"
  | "associate-address"
  | "turn-off-source-dest-check"
  | "create-route"
  | "replace-route"
  | "reboot-instance";

export type RepairStep = {
  readonly kind: RepairKind;
  /** Id of the instance, the address or the route table that is changed. */
  readonly resource: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
  /** Whose connections it cuts; absent where nobody's. */
  readonly cuts?: string;
};

export type AppliedRepairStep = RepairStep & { readonly ms: number };

export type RepairFinding = { readonly resource: string; readonly message: string; readonly fix: string };

export type RepairVerification = {
  /** Nothing is left to be done, by whomever; the doctor finds tunnel and way out whole; the walk came to a query. */
  readonly ok: boolean;
  /** What a plan that was made anew would do. */
  readonly plan: readonly RepairStep[];
  readonly unmended: readonly RepairFinding[];
  /** What the doctor finds wrong in AWS's control plane, with what does not concern the network, too. */
  readonly aws: readonly { readonly code: string; readonly evidence: string; readonly fix: string }[];
  /** The doctor's verdict of the walk through the tunnel, with the fix of what AWS says to be the reason; absent where the stage has none. */
  readonly tunnel?: DoctorVerdict;
};
