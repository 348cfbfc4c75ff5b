import { EC2Client } from "@aws-sdk/client-ec2";
import { SSMClient } from "@aws-sdk/client-ssm";
import type { Manifest } from "#lib/contract.ts";
import { clientConfig } from "#lib/stage/aws-access.ts";
import { ask, type AskOptions, defaultLimitMs, type Fact, valueOf } from "../fact.ts";
import { type ElasticIp, readAddresses } from "./addresses.ts";
import { type Agent, readAgents } from "./agents.ts";
import { readInstances, type StageInstance } from "./instances.ts";
import { readRouteTables, type StageRouteTable } from "./route-tables.ts";

/** What AWS says of a stage's NAT instances, bastions and the way out of its private subnets. */
export type NetworkFacts = {
  readonly instances: Fact<readonly StageInstance[]>;
  readonly addresses: Fact<readonly ElasticIp[]>;
  readonly routeTables: Fact<readonly StageRouteTable[]>;
  readonly agents: Fact<readonly Agent[]>;
};

/** Reads all of it side by side; the agents of the instances that there are, and of those that the manifest names. */
export async function readNetwork(manifest: Manifest, options: AskOptions): Promise<NetworkFacts> {
  const config = clientConfig(options.access, { requestTimeoutMs: options.limitMs ?? defaultLimitMs, maxAttempts: 2 });
  const ec2 = new EC2Client(config);
  const ssm = new SSMClient(config);
  try {
    const reading = ask("ec2:DescribeInstances", options, (signal) => readInstances(ec2, manifest, signal));
    const agentsOf = async () => {
      const ids = [...manifest.bastions, ...(valueOf(await reading) ?? []).map(({ id }) => id)];
      return ask("ssm:DescribeInstanceInformation", options, (signal) => readAgents(ssm, [...new Set(ids)], signal));
    };
    const [instances, addresses, routeTables, agents] = await Promise.all([
      reading,
      ask("ec2:DescribeAddresses", options, (signal) => readAddresses(ec2, manifest, signal)),
      ask("ec2:DescribeRouteTables", options, (signal) => readRouteTables(ec2, manifest, signal)),
      agentsOf(),
    ]);
    return { instances, addresses, routeTables, agents };
  } finally {
    ec2.destroy();
    ssm.destroy();
  }
}
