import type { CfnManagedPolicy } from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { guard } from "./guard.ts";
import { declareManagedPolicy } from "./managed-policy.ts";
import { mayInvoke, mayReadManifest } from "./migrate/functions.ts";
import { mayStartLongRun } from "./migrate/long-run.ts";
import { policyNames } from "./names.ts";
import { unprotectedStages } from "./own-stage.ts";
import type { Account } from "./settings.ts";
import type { Statement } from "./statement.ts";
import { mayLogIn } from "./tunnel/logins.ts";
import { mayTunnel, mayTunnelToAnyHost } from "./tunnel/sessions.ts";
import { mayAskControlPlane } from "./upkeep/doctor.ts";
import { mayRepairNetwork } from "./upkeep/repair-nat.ts";

type PolicyKey = keyof typeof policyNames;

/** What one may who has broken the glass of a protected stage. Not long runs, which are as strong as the master's login. */
export const glassPolicies: readonly PolicyKey[] = ["operator", "migrate", "doctor", "repairNat"];

/**
 * The policies for people: made here, and given by whoever gives permission sets and groups. Which stage they are about is said
 * by the tag of whoever has them.
 */
export function declarePeople(scope: Construct, account: Account): Readonly<Record<PolicyKey, CfnManagedPolicy>> {
  const manifest = mayReadManifest(account);
  const tunnel = [manifest, ...mayTunnel(account)];
  const declare = (key: PolicyKey, description: string, may: readonly Statement[]) =>
    declareManagedPolicy(scope, policyNames[key], {
      name: policyNames[key],
      description,
      statements: [...may, ...guard(account, { withBrokenGlass: glassPolicies.includes(key) })],
      shorter: "Fewer stages in this account, or databases without databaseId, make it shorter.",
    });
  return {
    developer: declare("developer", "Tunnel to the database of one's own stage, to read.", [
      ...tunnel,
      ...mayLogIn(account, ["readonly"], unprotectedStages(account)),
    ]),
    operator: declare("operator", "Tunnel to the database of one's own stage, to read and write, and to any host.", [
      ...tunnel,
      mayTunnelToAnyHost(account),
      ...mayLogIn(account, ["readonly", "operator"], Object.keys(account.stages)),
    ]),
    migrate: declare("migrate", "Migrate one's own stage, through its functions.", [
      manifest,
      mayInvoke(account, ["runner", "inspect"]),
    ]),
    longRun: declare("longRun", "Danger: start long runs of one's own stage. As strong as its master's login.", [
      manifest,
      mayInvoke(account, ["inspect"]),
      ...mayStartLongRun(account),
    ]),
    doctor: declare("doctor", "Ask what is wrong with one's own stage. Changes nothing, but may cancel a run.", [
      manifest,
      mayInvoke(account, ["inspect", "health"]),
      ...mayAskControlPlane(account),
    ]),
    repairNat: declare("repairNat", "Mend the network of one's own stage; beside the doctor's policy.", [
      manifest,
      ...mayRepairNetwork(account),
    ]),
  };
}
