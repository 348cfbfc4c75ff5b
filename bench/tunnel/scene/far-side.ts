import { randomUUID } from "node:crypto";
import { startAwsEndpoint } from "#lib/local/aws/endpoint.ts";
import { noResources } from "#lib/local/aws/resources.ts";
import { createMemorySecretStore } from "#lib/local/aws/secret-store.ts";
import { type SessionGateway, type SessionGatewayOptions, startSessionGateway } from "#lib/local/gateway/gateway.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import type { SsmTransportOptions } from "#lib/tunnel/ssm/transport.ts";
import { type Network, startNetwork } from "./network.ts";

/** AWS's side of the ssm transport: Session Manager at a signed endpoint, its gateway, and the agent of one bastion. */
export type FarSide = AsyncDisposable & {
  readonly gateway: SessionGateway;
  /** Between the tunnel and AWS, where it was asked for. */
  readonly network: Network | undefined;
  readonly access: AwsAccess;
};

export type FarSideOptions = Pick<SessionGatewayOptions, "payloadBytes" | "paceMs"> & {
  readonly database: { readonly host: string; readonly port: number };
  /** One that can be taken away; it costs a little time. Default: the tunnel connects directly. */
  readonly hasNetwork?: boolean;
};

const region = "eu-central-1";
export const bastion = "i-00000000000010ca1";
export const databaseName = { host: "db.internal", port: 5432 } as const;

export async function startFarSide({ database, hasNetwork, ...options }: FarSideOptions): Promise<FarSide> {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(
    await startSessionGateway({ ...options, database, targets: [{ instanceId: bastion, state: "online" }] }),
  );
  const network = hasNetwork === true ? stack.use(await startNetwork()) : undefined;
  const reach = async (address: string) => {
    const url = new URL(address);
    if (network !== undefined) url.port = String(await network.relayTo(Number(url.port)));
    return url;
  };
  const { port } = await reach(gateway.url);
  const throughNetwork = <Access extends { readonly streamUrl: string }>(access: Access): Access => {
    const url = new URL(access.streamUrl);
    url.port = port;
    return { ...access, streamUrl: url.href };
  };
  const credentials = { accessKeyId: `LOCAL${randomUUID()}`, secretAccessKey: randomUUID() };
  const endpoint = stack.use(
    await startAwsEndpoint({
      port: 0,
      credentials,
      region,
      accountId: "000000000000",
      parameters: new Map(),
      secrets: createMemorySecretStore(),
      sessions: () => ({
        ...gateway,
        startSession: (request) => throughNetwork(gateway.startSession(request)),
        resumeSession: (id) => throughNetwork(gateway.resumeSession(id)),
      }),
      lambda: () => undefined,
      resources: () => noResources,
      onLog: (line) => process.stderr.write(`${line}\n`),
    }),
  );
  const { origin } = await reach(endpoint.url);
  const all = stack.move();
  return {
    gateway,
    network,
    access: { source: "local-stage", endpoint: origin, region, credentials },
    [Symbol.asyncDispose]: async () => all.disposeAsync(),
  };
}

/** What a tunnel through that side needs, with AWS's own document. */
export function destinationOf(access: AwsAccess): SsmTransportOptions {
  return { target: bastion, ...databaseName, access };
}
