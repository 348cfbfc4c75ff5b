import { appName, type LongRuns, type Manifest, manifestParameterName, tunnelDocumentName } from "#lib/contract.ts";
import type { Bundles } from "./bundles.ts";
import type { DatabaseAccess } from "./functions.ts";
import type { Target } from "./lambda/environment.ts";
import type { Network } from "./network.ts";
import type { StageSettings } from "./settings/schema.ts";

type ManifestParts = {
  readonly settings: StageSettings;
  readonly network: Network;
  readonly bundles: Bundles;
  readonly database: DatabaseAccess & { readonly instanceId: $util.Input<string> };
  /** Its name is RDS's. */
  readonly proxy?: Target | undefined;
  readonly functions: Manifest["functions"];
  readonly healthUrl: $util.Input<string>;
  readonly longRuns?: $util.Output<LongRuns> | undefined;
};

/** A Manifest whose values AWS has yet to name. `Inputs` keeps the fields, so that a missing one is a type error. */
type Inputs<T> = { readonly [Key in keyof T]: $util.Input<T[Key]> | Inputs<T[Key]> };

/**
 * What the stage says of itself, in the Parameter Store: where its parts are, and no secret. The command line needs
 * nothing else, and nobody has to be able to read the state of the deploy.
 */
export function declareManifest(parts: ManifestParts): void {
  const { settings, network, bundles, database, proxy, longRuns } = parts;
  const tunnel = network.bastionIds.length > 0 ? { documentName: declareTunnelDocument(database) } : undefined;
  const { host, port, name, instanceId } = database;
  const manifest: Inputs<Manifest> = {
    version: 1,
    app: appName,
    stage: $app.stage,
    region: aws.getRegionOutput().region,
    protected: settings.protected,
    database: { host, port, name, instanceId },
    ...(proxy === undefined ? {} : { proxy: { host: proxy.host, port: proxy.port, name: proxy.name } }),
    functions: parts.functions,
    healthUrl: parts.healthUrl,
    secrets: database.secrets,
    bundle: bundles.info,
    bastions: $util.all([...network.bastionIds]),
    ...(tunnel === undefined ? {} : { tunnel }),
    ...(longRuns === undefined ? {} : { longRuns }),
    network: {
      vpcId: network.vpcId,
      privateSubnets: network.privateSubnetIds,
      nat: network.nats.map((nat) => ({
        instance: nat.instanceId,
        allocation: nat.allocationId,
        address: nat.publicIp,
      })),
    },
  };
  new aws.ssm.Parameter("ManifestParameter", {
    name: manifestParameterName($app.stage),
    description: "Where the parts of this stage are. Written by deploys, read by the command line.",
    type: "String",
    value: $jsonStringify(manifest),
  });
}

/**
 * A session that forwards one port to this database and to nothing else. A policy that allows this document allows
 * exactly that tunnel, while AWS's own lets the caller pick any host.
 */
function declareTunnelDocument({ host, port }: DatabaseAccess): $util.Output<string> {
  const document = new aws.ssm.Document("ManifestTunnelDocument", {
    name: tunnelDocumentName($app.stage),
    documentType: "Session",
    documentFormat: "JSON",
    content: $jsonStringify({
      schemaVersion: "1.0",
      description: `Tunnel to the database of ${appName} ${$app.stage}`,
      sessionType: "Port",
      parameters: {},
      properties: { host, portNumber: String(port), localPortNumber: "0", type: "LocalPortForwarding" },
    }),
  });
  return document.name;
}
