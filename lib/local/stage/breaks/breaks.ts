import { functionName, instanceIdentifier, proxyName, secretName, tunnelDocumentName } from "#lib/contract.ts";
import type { AwsResources } from "../../aws/resources.ts";
import { disassociated } from "../../aws/settle.ts";
import { replace, setDatabaseStatus, setInstanceState } from "../../aws/states.ts";
import { localInstanceId } from "../../gateway/gateway.ts";
import { networkIds } from "../network/ids.ts";

export type Break = {
  /** One line, for who chooses. */
  readonly line: string;
  /** Done twice it changes nothing more. */
  readonly apply: (before: AwsResources, context: BreakContext) => AwsResources;
};

export type BreakContext = { readonly stage: string; readonly now: Date };

const everywhere = "0.0.0.0/0";
const isBastionInterface = ({ NetworkInterfaceId }: { readonly NetworkInterfaceId?: string | undefined }) =>
  NetworkInterfaceId === networkIds.bastionInterface;

/**
 * Ways in which a stage's control plane is found broken. Each changes what AWS holds, as somebody by hand would, and nothing
 * beside: what does not work then follows from that (`judgeReachability`), and so does what a repair brings back.
 */
export const breaks = {
  "bastion-address": {
    line: "the Elastic IP belongs to no instance: the bastion has no public address, and so no way out for anybody",
    apply: (before) => ({
      ...before,
      addresses: before.addresses.map((one) => (isBastionInterface(one) ? disassociated(one) : one)),
    }),
  },
  "bastion-stopped": {
    line: "somebody stopped the NAT instance, which is the bastion",
    apply: (before) => setInstanceState(before, localInstanceId, "stopped"),
  },
  "bastion-terminated": {
    line: "the NAT instance is gone for good; only a deploy makes another one (here: --mend)",
    apply: (before) => setInstanceState(before, localInstanceId, "terminated"),
  },
  "agent-offline": {
    line: "the bastion runs, but its SSM agent has ended",
    apply: (before) => ({ ...before, endedAgents: [...new Set([...before.endedAgents, localInstanceId])] }),
  },
  "source-dest-check": {
    line: "the NAT instance checks source and destination: it passes nothing on for others",
    apply: (before) => ({
      ...before,
      networkInterfaces: replace(before.networkInterfaces, isBastionInterface, { SourceDestCheck: true }),
    }),
  },
  "nat-route": {
    line: "the private subnets have no route for 0.0.0.0/0",
    apply: (before) =>
      changePrivateRoutes(before, (routes) => routes.filter((one) => one.DestinationCidrBlock !== everywhere)),
  },
  "nat-route-stale": {
    line: "the private subnets' route for 0.0.0.0/0 leads to an interface that is gone (a black hole)",
    apply: (before) =>
      changePrivateRoutes(before, (routes) =>
        routes.map((one) =>
          one.DestinationCidrBlock === everywhere
            ? { DestinationCidrBlock: everywhere, NetworkInterfaceId: networkIds.goneInterface, Origin: one.Origin }
            : one,
        ),
      ),
  },
  "security-group": {
    line: "the database's security group does not let the bastion in",
    apply: (before) => {
      const { bastion, database } = networkIds.groups;
      const isTunnels = (rule: Rule) => rule.UserIdGroupPairs?.some(({ GroupId }) => GroupId === bastion) === true;
      const securityGroups = before.securityGroups.map((one) =>
        one.GroupId === database
          ? Object.assign({}, one, { IpPermissions: one.IpPermissions?.filter((rule) => !isTunnels(rule)) })
          : one,
      );
      return { ...before, securityGroups };
    },
  },
  "database-stopped": {
    line: "the RDS instance is stopped: nothing listens on its port",
    apply: (before, { stage, now }) => {
      const id = instanceIdentifier(stage);
      const isStopped = before.dbInstances.some(
        (one) => one.DBInstanceIdentifier === id && one.DBInstanceStatus === "stopped",
      );
      return isStopped ? before : setDatabaseStatus(before, id, "stopped", now);
    },
  },
  "proxy-target": {
    line: "RDS Proxy cannot log in to its target (UNAVAILABLE, AUTH_FAILURE): who connects through it waits in vain",
    apply: (before, { stage }) => ({
      ...before,
      dbProxyTargets: {
        ...before.dbProxyTargets,
        [proxyName(stage)]: replace(before.dbProxyTargets[proxyName(stage)] ?? [], () => true, {
          TargetHealth: {
            State: "UNAVAILABLE",
            Reason: "AUTH_FAILURE",
            Description: "DBProxy Target unavailable due to an authentication failure",
          },
        }),
      },
    }),
  },
  "permission-ec2": {
    line: "whoever asks may ask nothing of EC2 (UnauthorizedOperation)",
    apply: (before) => ({ ...before, deniedActions: [...new Set([...before.deniedActions, "ec2:*"])] }),
  },
  credentials: {
    line: "the session of whoever asks has expired (ExpiredToken)",
    apply: (before) => ({ ...before, hasExpiredSession: true }),
  },
  "secret-missing": {
    line: "the secret of postern_migrator is deleted; a function that has read it knows it for five minutes more",
    apply: (before, { stage }) => remove(before, "secret", secretName(stage, "migrator")),
  },
  "tunnel-document-missing": {
    line: "the Session document that tunnels are opened with is deleted",
    apply: (before, { stage }) => remove(before, "document", tunnelDocumentName(stage)),
  },
  "inspect-missing": {
    line: "the inspect function is deleted",
    apply: (before, { stage }) => remove(before, "function", functionName(stage, "inspect")),
  },
} as const satisfies Readonly<Record<string, Break>>;

export type BreakName = keyof typeof breaks;

export function isBreakName(name: string): name is BreakName {
  return Object.hasOwn(breaks, name);
}

type Rule = NonNullable<AwsResources["securityGroups"][number]["IpPermissions"]>[number];
type Routes = NonNullable<AwsResources["routeTables"][number]["Routes"]>;

function changePrivateRoutes(before: AwsResources, change: (routes: Routes) => Routes): AwsResources {
  const routeTables = before.routeTables.map((table) =>
    networkIds.privateRouteTables.includes(table.RouteTableId)
      ? Object.assign({}, table, { Routes: change(table.Routes ?? []) })
      : table,
  );
  return { ...before, routeTables };
}

function remove(before: AwsResources, kind: "secret" | "document" | "function", name: string): AwsResources {
  const isThere = before.deleted.some((one) => one.kind === kind && one.name === name);
  return isThere ? before : { ...before, deleted: [...before.deleted, { kind, name }] };
}
